/** Tags, notes and named views of a profile: read, changed and saved as a whole. */
import { h, replace } from "./dom.js";

/**
 * @param keeper {load() -> Promise of notes, save(notes, revision) -> Promise of notes}: see api.js
 * @param here {path: "graph?...", go(path)}
 */
export async function notesDialog(keeper, here) {
  const dialog = h("dialog", { class: "sheet notes", "aria-label": "Notes" });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  try {
    new Notes(dialog, keeper, here, await keeper.load());
  } catch (error) {
    replace(dialog, h("p", { class: "bad" }, error.message), h("form", { method: "dialog" }, h("button", {}, "Close")));
  }
  dialog.showModal();
}

class Notes {
  constructor(dialog, keeper, here, notes) {
    Object.assign(this, { keeper, here, revision: notes.revision, views: notes.views });
    this.tags = h("input", { type: "text", value: notes.tags.join(", "), placeholder: "slow, before-fix", "aria-label": "Tags" });
    this.text = h("textarea", { rows: 7, maxlength: 20000, "aria-label": "Notes" });
    this.text.value = notes.notes;
    this.name = h("input", { type: "text", maxlength: 80, placeholder: "name of this view", "aria-label": "Name of this view" });
    this.list = h("ul", { class: "views" });
    this.told = h("span", { role: "status" }, notes.problem ?? "");
    this.dialog = dialog;
    replace(
      dialog,
      h("h2", {}, "Tags, notes and views"),
      h("h3", {}, "Tags, with commas between"),
      this.tags,
      h("h3", {}, "Notes"),
      this.text,
      h("h3", {}, "Views"),
      this.list,
      h("p", { class: "add" }, this.name, h("button", { type: "button", class: "add-view", onclick: () => this.#add() }, "Keep this view")),
      h("p", { class: "end" }, this.told, h("button", { type: "button", class: "save", onclick: () => this.#save() }, "Save"), this.#close()),
    );
    this.#show();
  }

  #close() {
    return h("button", { type: "button", onclick: () => this.dialog.close() }, "Close");
  }

  #show() {
    const row = (view) =>
      h(
        "li",
        {},
        h("button", { type: "button", class: "link", onclick: () => this.#open(view) }, view.name),
        h("button", { type: "button", "aria-label": `Forget ${view.name}`, title: "Forget", onclick: () => this.#forget(view) }, "✕"),
      );
    replace(this.list, this.views.length ? this.views.map(row) : h("li", { class: "muted" }, "none kept yet"));
  }

  #open(view) {
    this.dialog.close();
    this.here.go(view.path);
  }

  #forget(view) {
    this.views = this.views.filter((one) => one !== view);
    this.#show();
  }

  #add() {
    const name = this.name.value.trim();
    if (!name) {
      this.told.textContent = "Give this view a name.";
      this.name.focus();
      return;
    }
    this.views = [...this.views.filter((one) => one.name !== name), { name, path: this.here.path }];
    this.name.value = "";
    this.#show();
  }

  async #save() {
    const tags = this.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    try {
      const saved = await this.keeper.save({ v: 1, tags, notes: this.text.value, views: this.views }, this.revision);
      Object.assign(this, { revision: saved.revision, views: saved.views });
      this.tags.value = saved.tags.join(", ");
      this.told.textContent = "Saved.";
      this.#show();
    } catch (error) {
      this.told.textContent = error.message;
    }
  }
}
