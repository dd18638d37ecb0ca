/** What times are multiplied by where the binary under test is slow. */
export const SLOW = process.env.OROCHI_SLOW ? 4 : 1;
