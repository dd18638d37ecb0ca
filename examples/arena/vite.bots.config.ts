import { defineConfig } from "vite";

// The bots as one file that node runs as it is, without node_modules beside it.
export default defineConfig({
  ssr: { noExternal: true, target: "node" },
  build: {
    ssr: "bots/bots.ts",
    outDir: "bots/dist",
    target: "node20",
    rollupOptions: { output: { entryFileNames: "[name].mjs" } },
  },
});
