import { defineConfig } from "vite";

// The bots as one file that node runs as it is, without node_modules beside it. `ws` has two optional
// native helpers, which Vite would replace by empty objects: ws must not even look for them.
export default defineConfig({
  define: {
    "process.env.WS_NO_BUFFER_UTIL": '"1"',
    "process.env.WS_NO_UTF_8_VALIDATE": '"1"',
  },
  ssr: { noExternal: true, target: "node" },
  build: {
    ssr: "bots/bots.ts",
    outDir: "bots/dist",
    target: "node20",
    rollupOptions: { output: { entryFileNames: "[name].mjs" } },
  },
});
