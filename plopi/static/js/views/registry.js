/**
 * The views of a profile, in the order of their tabs. A view is an object
 *
 *   NAME   the last part of its address      TITLE  its tab's words      KEYS  its own part of the address: {name: kind}
 *   HELP   its sections of the ? sheet       mount(context) -> the mounted view:
 *
 *   ask(signal)                    Promise of the payload of the present state; throws ApiError
 *   show(payload, {fresh, animate})  draws it; `fresh`: another picture, otherwise the same one with newer numbers. May return a Promise
 *   changed(names)                 keys of its own (and of `select`, `q`) changed in the address; true when the server must be asked anew,
 *                                  or {fresh, animate} to say how
 *   resize()                       the pane changed its size
 *   clear()                        there is nothing to draw, a message stands in its place
 *   keys                           {key: () => ...}: single-key commands, `Escape`, `Enter`, arrows and "/" among them; false: not handled
 *   chips                          optional: [{kind, value, remove(), edit(), hint}], filters of its own beside those of all views
 *   destroy()                      leaves nothing behind: no listener outside its element, no question, no timer
 *
 * and the context, which is all that a view knows of the page:
 *
 *   element, controls              empty elements to fill: the view's and the one for its choices in the row above
 *   busy                           says that the view is not yet what it will be: busy.during(promise), busy.soon(name, ms, run); see ui/busy.js
 *   subject, api                   whose views, and where to ask (api.view(subject, what, query, signal))
 *   state, profile, payload        getters: the address as values, the profile's details, what was last shown
 *   query()                        the arguments that every question has
 *   set(changes, {push, quiet})    changes the address, and with it the page
 *   go(view, changes), href(view, changes), has(view)   to another view of the same profile
 *   reload({fresh, animate})       asks anew
 *   paused()                       whether a growing profile is not followed
 */
import { FLAME } from "./flame/index.js";
import { FUNCTION } from "./function/index.js";
import { GRAPH } from "./graph/index.js";
import { TABLE_VIEW } from "./table/index.js";
import { TIMELINE } from "./timeline/strip.js";

export const VIEWS = [GRAPH, FLAME, FUNCTION, TABLE_VIEW];

/** What stands above every view, as a view without tab and address: {mount(context) -> {show(profile, payload), destroy()}}. */
export const STRIPS = [TIMELINE];
