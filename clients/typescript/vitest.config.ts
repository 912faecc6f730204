import { defineConfig } from "vitest/config";

export default defineConfig({
  // Each file has a server of its own, which is not small.
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false },
});
