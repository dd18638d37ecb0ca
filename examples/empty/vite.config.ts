import { defineConfig } from "vite";

// Relative URLs: the game server serves the folder at "/", a proxy may serve it elsewhere.
export default defineConfig({
  base: "./",
  build: { outDir: "dist", target: "es2022" },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:3000", ws: true } } },
});
