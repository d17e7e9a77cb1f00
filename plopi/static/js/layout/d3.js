/** The vendored d3 (a UMD bundle, which hangs itself on the global object) as a module. */
import "../../vendor/d3.min.js";

export const d3 = globalThis.d3;
