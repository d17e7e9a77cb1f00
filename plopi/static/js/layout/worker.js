/** The Worker's end: requests {id, request} in, {id, result} or {id, error} out. */
import { layout } from "./index.js";

self.addEventListener("message", ({ data }) => {
  try {
    self.postMessage({ id: data.id, result: layout(data.request) });
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error?.message ?? error) });
  }
});
