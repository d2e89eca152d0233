// The page's colours, read from Streamlit's custom properties; light and dark.

/** Okabe-Ito: vermillion, blue, green, purple; lighter in dark mode. */
const ARMS_LIGHT = ["#D55E00", "#0072B2", "#008F68", "#B4609A"];
const ARMS_DARK = ["#FF9A57", "#6CC0F0", "#45D1A4", "#EBA3CE"];
/** Classes of two-dimensional data: none of them an arm's colour. */
const CLASSES_LIGHT = ["#D9A400", "#6B5FB5", "#3E8E9C", "#A0522D", "#7A8450", "#888888"];
const CLASSES_DARK = ["#E8C24A", "#A79CF0", "#6CC6D4", "#D2966E", "#B5C07F", "#AAAAAA"];

let probe = null;

/** Any CSS colour as [r, g, b]. */
function rgb(colour) {
  probe ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
    willReadFrequently: true,
  });
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

export const alpha = ([r, g, b], opacity) => `rgba(${r}, ${g}, ${b}, ${opacity})`;

/** Read the theme at `element` and write the stage's own custom properties there. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const property = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = rgb(property("--st-background-color", "#ffffff"));
  const text = rgb(property("--st-text-color", "#31333f"));
  const dark = 0.299 * background[0] + 0.587 * background[1] + 0.114 * background[2] < 128;
  const arms = dark ? ARMS_DARK : ARMS_LIGHT;
  arms.forEach((colour, arm) => element.style.setProperty(`--bnviz-arm-${arm}`, colour));
  element.dataset.theme = dark ? "dark" : "light";
  return {
    dark,
    background,
    text,
    arms,
    armsRgb: arms.map(rgb),
    classes: (dark ? CLASSES_DARK : CLASSES_LIGHT).map(rgb),
    font: property("--st-font", "sans-serif"),
    ink: alpha(text, 0.92),
    muted: alpha(text, dark ? 0.72 : 0.68),
    axis: alpha(text, 0.32),
    grid: alpha(text, 0.09),
    paper: alpha(background, 1),
    veil: alpha(background, 0.6),
    alarm: dark ? "#FF8080" : "#C01F1F",
  };
}
