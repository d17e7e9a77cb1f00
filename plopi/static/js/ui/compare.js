/** What a profile can be compared with, in a menu: others of the same kind, those of the same program first. */
import { age, duration } from "../format.js";

const MOST = 14;
const ENOUGH = 100;

/**
 * @param self {id, name, shape, command, begun}: the profile that is shown
 * @param rows of the list of profiles
 * @param choose (id) => compares with that one
 * @returns items for a `Menu`
 */
export function candidates(self, rows, now, choose) {
  const alike = (row) => Number(row.command ? row.command === self.command : programOf(row.name) === programOf(self.name));
  return rows
    .filter((row) => row.id !== self.id && row.shape === self.shape && row.status !== "broken")
    .map((row, i) => ({ row, i, alike: alike(row) }))
    .sort((a, b) => b.alike - a.alike || a.i - b.i)
    .slice(0, MOST)
    .map(({ row }) => ({
      words: row.name,
      hint: [row.duration_ns ? duration(row.duration_ns) : "", `${age(row.mtime_ns, now)} old`].filter(Boolean).join(", "),
      run: () => choose(row.id),
    }));
}

/** NAME of "NAME-YYYYmmdd-HHMMSS-PID". */
const programOf = (name) => name.replace(/-\d{8}-\d{6}-\d+$/, "");

/** The newest profiles of the list. */
export const asked = { sort: "mtime_ns", order: "desc", page: 1, per: ENOUGH };
