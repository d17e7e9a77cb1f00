/** The palettes as people with a colour vision deficiency see them: simulated by Machado, Oliveira and Fernandes (2009), severity 1. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DIFF_SHADES, mix, SHADES } from "../../plopi/static/js/views/flame/colours.js";

const CSS = readFileSync(new URL("../../plopi/static/css/base.css", import.meta.url), "utf8");
const SIMULATED = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};
const THEMES = {
  light: CSS.slice(0, CSS.indexOf("@media")),
  dark: CSS.slice(CSS.indexOf('[data-theme="dark"]')),
};

const colour = (theme, name) => {
  const hex = new RegExp(`--${name}: #([0-9a-f]{6});`).exec(THEMES[theme])[1];
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
};
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const seen = (rgb, m) => {
  const [r, g, b] = rgb.map(linear);
  return [0, 3, 6].map((row) => Math.min(1, Math.max(0, m[row] * r + m[row + 1] * g + m[row + 2] * b)));
};

/** CIE Lab (D65) of linear RGB. */
function lab([r, g, b]) {
  const f = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function difference(theme, a, b, matrix) {
  const [p, q] = [a, b].map((name) => lab(seen(colour(theme, name), matrix)));
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

for (const theme of Object.keys(THEMES)) {
  for (const [vision, matrix] of Object.entries(SIMULATED)) {
    test(`${theme}, ${vision}: more, less and no change are told apart, and so are their steps`, () => {
      for (const step of [1, 2, 3]) {
        assert.ok(difference(theme, `more${step}`, `less${step}`, matrix) >= 20, `more and less, step ${step}`);
        for (const side of ["more", "less"])
          if (step > 1) assert.ok(difference(theme, `${side}${step}`, "same", matrix) >= 20, `${side}${step} and no change`);
      }
      for (const side of ["more", "less"])
        for (const step of [1, 2])
          assert.ok(difference(theme, `${side}${step}`, `${side}${step + 1}`, matrix) >= 15, `${side}, steps ${step} and ${step + 1}`);
    });

    test(`${theme}, ${vision}: no two of the groups' colours look alike`, () => {
      const names = [0, 1, 2, 3, 4, 5, 6, 7, 8, "x"].map((name) => `g${name}`);
      for (const [i, a] of names.entries())
        for (const b of names.slice(i + 1)) assert.ok(difference(theme, a, b, matrix) >= 10, `${a} and ${b}`);
    });
  }
}

/** WCAG 2: contrast of two colours of 0..1. */
function contrast(a, b) {
  const luminance = (rgb) => rgb.map(linear).reduce((sum, value, i) => sum + [0.2126, 0.7152, 0.0722][i] * value, 0);
  const [low, high] = [luminance(a), luminance(b)].sort((p, q) => p - q);
  return (high + 0.05) / (low + 0.05);
}

for (const theme of Object.keys(THEMES)) {
  test(`${theme}: text has the contrast that WCAG AA asks for, on every ground it stands on`, () => {
    const of = (name) => colour(theme, name);
    for (const ground of ["bg", "bg-2", "bg-3"])
      for (const text of ["ink", "ink-2", "ink-3", "accent", "good", "warn", "bad", "caller", "callee"])
        assert.ok(contrast(of(text), of(ground)) >= 4.5, `${text} on ${ground}`);
    for (const [text, ground] of [["accent-ink", "accent"], ["ink", "warn-bg"], ["warn", "warn-bg"], ["ink", "bad-bg"]])
      assert.ok(contrast(of(text), of(ground)) >= 4.5, `${text} on ${ground}`);
  });

  test(`${theme}: arrows that carry much have the contrast that WCAG asks of graphics`, () => {
    assert.ok(contrast(colour(theme, "edge"), colour(theme, "bg")) >= 3);
  });

  test(`${theme}: text in the boxes of a flame graph can be read`, () => {
    const on = (name, part) => contrast(colour(theme, "ink"), mix255(colour(theme, name), colour(theme, "bg"), part));
    for (const name of [0, 1, 2, 3, 4, 5, 6, 7, 8, "x"])
      for (const shade of SHADES) assert.ok(on(`g${name}`, shade) >= 4.5, `g${name} at ${shade}`);
    for (const side of ["more", "less"]) for (const part of DIFF_SHADES) assert.ok(on(`${side}2`, part) >= 4.5, `${side} at ${part}`);
  });
}

test("the flame graph's legend of changes has the colours of its boxes", () => {
  const views = readFileSync(new URL("../../plopi/static/css/views.css", import.meta.url), "utf8");
  for (const side of ["more", "less"])
    DIFF_SHADES.forEach((part, i) => {
      const rule = `.flame-key .swatch.${side}${i + 1} { background: color-mix(in srgb, var(--${side}2) ${Math.round(part * 100)}%, var(--bg)); }`;
      assert.ok(views.includes(rule), rule);
    });
});

/** As the canvas has it: whole parts of 255. */
const mix255 = (a, b, part) =>
  mix(
    a.map((value) => value * 255),
    b.map((value) => value * 255),
    part,
  ).map((value) => value / 255);
