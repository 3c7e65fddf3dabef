"use strict";
// Draws figures when they come near the window, sorts tables, follows the scheme, lays decoded
// pictures over originals, gets everything ready for paper. No request is made.
(() => {
  const templates = JSON.parse(document.getElementById("templates").textContent);
  const root = document.documentElement;
  const wantsDark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 600px)");
  const plots = [...document.querySelectorAll(".plot")];
  const specs = new Map();
  let chosen = null; // null: as the system wants

  const isPrinting = () => root.dataset.printing !== undefined;
  const scheme = () => (isPrinting() ? "light" : chosen ?? (wantsDark.matches ? "dark" : "light"));

  const layoutOf = (spec, plot) => {
    const layout = { ...spec.layout, template: templates[scheme()] };
    if (isPrinting()) { // paper is not the window
      layout.width = plot.clientWidth;
      layout.height = Math.min(0.8 * (layout.height ?? 460), 880); // a sheet holds two, and any one
    }
    plot.style.minHeight = `${layout.height ?? 460}px`;
    if (narrow.matches) {
      layout.font = { size: 11 };
      layout.legend = { ...layout.legend, font: { size: 11 } };
      layout.margin = { ...layout.margin, l: 40, r: Math.max(8, (layout.margin?.r ?? 0) - 20) };
      layout.annotations = layout.annotations?.map((one) => ({ ...one, font: { ...one.font, size: 11 } }));
    }
    return layout;
  };

  const draw = (plot) => {
    if (!specs.has(plot)) {
      specs.set(plot, JSON.parse(document.getElementById(plot.dataset.spec).textContent));
    }
    const spec = specs.get(plot);
    const config = {
      responsive: true, displaylogo: false, scrollZoom: false, displayModeBar: "hover", typesetMath: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    };
    return Plotly.react(plot, spec.data, layoutOf(spec, plot), config).then(() => {
      plot.dataset.drawn = "yes";
    });
  };

  const isShown = (plot) => plot.offsetParent !== null; // paper leaves figures out
  const drawn = () => plots.filter((plot) => plot.dataset.drawn && isShown(plot));
  const redraw = () => Promise.all(drawn().map(draw));

  const follow = () => {
    root.dataset.scheme = scheme();
    document.getElementById("scheme").textContent = scheme() === "dark" ? "light scheme" : "dark scheme";
    return redraw();
  };

  document.getElementById("scheme").addEventListener("click", () => {
    chosen = scheme() === "dark" ? "light" : "dark";
    follow();
  });
  wantsDark.addEventListener("change", follow);
  narrow.addEventListener("change", redraw);
  // Paper: light, every figure that it has drawn as wide as a sheet.
  window.addEventListener("beforeprint", () => {
    root.dataset.printing = "";
    root.dataset.scheme = scheme();
    plots.filter(isShown).forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    delete root.dataset.printing;
    // Without a width Plotly takes its own, not that of the page.
    follow().then(() => drawn().forEach(Plotly.Plots.resize));
  });

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
    return cell.textContent;
  };
  const difference = (one, other) => {
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other), "en", { numeric: true });
  };
  const isMissing = (value) => value === "" || Number.isNaN(value);

  const sort = (heading) => {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const one = valueOf(a, column);
      const other = valueOf(b, column);
      if (isMissing(one) || isMissing(other)) return isMissing(one) - isMissing(other); // last, both ways
      return sign * difference(one, other);
    });
    table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  };
  document.querySelectorAll("th button").forEach((button) => {
    button.addEventListener("click", () => sort(button.closest("th")));
  });

  // A decoded picture over its original, cut where the slider stands.
  const child = (parent, tag, name) => {
    const made = document.createElement(tag);
    made.className = name;
    parent.append(made);
    return made;
  };
  const labelOf = (figure) => figure.querySelector("figcaption b").textContent;
  const compare = (place) => {
    const original = place.querySelector(".original > img");
    const decoded = [...place.querySelectorAll(".decoded")];
    if (!original || decoded.length === 0) return;
    const row = child(place, "div", "compared");
    const slider = child(row, "div", "slider");
    row.append(place.querySelector(".strip"));
    const under = child(slider, "img", "under");
    const over = child(slider, "img", "over");
    child(slider, "span", "edge");
    child(slider, "span", "tag left").textContent = "original";
    const tag = child(slider, "span", "tag right");
    const range = child(slider, "input", "");
    Object.assign(range, { type: "range", min: 0, max: 100, value: 50 });
    over.src = original.src;
    over.alt = original.alt;
    const move = () => slider.style.setProperty("--at", `${range.value}%`);
    range.addEventListener("input", move);
    const buttons = decoded.map((figure) => {
      const button = document.createElement("button");
      button.type = "button";
      const picture = figure.querySelector("img");
      picture.replaceWith(button);
      button.append(picture);
      button.setAttribute("aria-label", `compare with ${labelOf(figure)}`);
      button.addEventListener("click", () => choose(figure));
      return button;
    });
    const choose = (figure) => {
      under.src = figure.querySelector("img").src;
      under.alt = tag.textContent = labelOf(figure);
      range.setAttribute("aria-label", `original on the left, ${labelOf(figure)} on the right`);
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(figure.contains(button))));
    };
    choose(decoded[Number(place.dataset.best)]);
    move();
  };
  document.querySelectorAll(".comparison").forEach(compare);

  follow();
  const observer = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      observer.unobserve(entry.target);
      draw(entry.target);
    });
  }, { rootMargin: "800px" });
  plots.forEach((plot) => observer.observe(plot));
})();
