/** Runs `act` on each of `items`, `width` at a time: for long lists of trials that mostly wait. Fails with the first that fails. */
export async function together(width, items, act) {
  const left = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    while (left.length > 0) await act(left.shift());
  }));
}
