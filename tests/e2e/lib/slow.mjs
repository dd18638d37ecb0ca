/** What times are multiplied by where the binary under test is slow. */
export const SLOW = process.env.OROCHI_SLOW ? 4 : 1;

/** How many ms what has to come is waited for: an end for hangs, and no measure, since beside twenty others everything takes ten times as long. */
export const PATIENCE = 120_000 * SLOW;

/**
 * How many times longer than on an idle machine work takes at the moment, 1 or more: by a loop of 200 ms, its time on the clock beside its
 * time on a processor. What a test says of time is multiplied by it, so that a busy machine is not taken for a slow server.
 */
export function burden() {
  const begin = performance.now(), before = process.cpuUsage();
  while (performance.now() - begin < 200);
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, (performance.now() - begin) * 1000 / Math.max(1, user + system));
}

/** Runs `work`: {result, ms}, with ms as they would be beside nobody else. */
export async function timed(work) {
  const before = burden(), begin = performance.now();
  const result = await work(), ms = performance.now() - begin;
  return { result, ms: ms / Math.max(before, burden()) / SLOW };
}
