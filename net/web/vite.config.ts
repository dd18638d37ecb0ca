import { defineConfig } from "vite";

// The server gives this folder out under /dashboard, with and without a slash at its end.
export default defineConfig({
  base: "/dashboard/",
  build: { outDir: "dist", target: "es2022" },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:3000", ws: true } } },
});
