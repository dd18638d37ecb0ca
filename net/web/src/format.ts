// Numbers as a person reads them.

const STEPS: [number, string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

export function count(value: number): string {
  for (const [step, letter] of STEPS)
    if (Math.abs(value) >= step * 10 || (Math.abs(value) >= step && step > 1e3))
      return `${digits(value / step)} ${letter}`;
  return digits(value);
}

export function bytes(value: number): string {
  const names = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (Math.abs(value) >= 1024 && i < names.length - 1) {
    value /= 1024;
    i++;
  }
  return `${digits(value)} ${names[i]}`;
}

export function seconds(value: number): string {
  if (value === 0) return "0";
  if (value < 0.001) return `${digits(value * 1e6)} µs`;
  if (value < 1) return `${digits(value * 1e3)} ms`;
  return `${digits(value)} s`;
}

export function percent(value: number): string {
  return `${digits(value * 100)} %`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 10 ? 1 : 2);
}
