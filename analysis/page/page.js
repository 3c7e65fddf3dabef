"use strict";
// Draws figures when they come near the window, sorts tables, follows the scheme. No request is made.
(() => {
  const templates = JSON.parse(document.getElementById("templates").textContent);
  const root = document.documentElement;
  const wantsDark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 600px)");
  const plots = [...document.querySelectorAll(".plot")];
  const specs = new Map();
  let chosen = null; // null: as the system wants

  const scheme = () => chosen ?? (wantsDark.matches ? "dark" : "light");

  const layoutOf = (spec, plot) => {
    const layout = { ...spec.layout, template: templates[scheme()] };
    if (layout.meta?.aspect) { // pictures: as high as the width makes them
      layout.height = layout.meta.aspect * plot.clientWidth + layout.margin.t + layout.margin.b;
      plot.style.minHeight = `${layout.height}px`;
    }
    if (narrow.matches) {
      layout.font = { size: 11 };
      layout.title = { ...layout.title, font: { size: 10.5 } };
      layout.margin = { ...layout.margin, l: 40, r: 8 };
    }
    return layout;
  };

  const draw = (plot) => {
    if (!specs.has(plot)) {
      specs.set(plot, JSON.parse(document.getElementById(plot.dataset.spec).textContent));
    }
    const spec = specs.get(plot);
    const config = { responsive: true, displaylogo: false, scrollZoom: false };
    return Plotly.react(plot, spec.data, layoutOf(spec, plot), config).then(() => {
      plot.dataset.drawn = "yes";
    });
  };

  const redraw = () => plots.filter((plot) => plot.dataset.drawn).forEach(draw);

  const follow = () => {
    root.dataset.scheme = scheme();
    document.getElementById("scheme").textContent = scheme() === "dark" ? "light scheme" : "dark scheme";
    redraw();
  };

  document.getElementById("scheme").addEventListener("click", () => {
    chosen = scheme() === "dark" ? "light" : "dark";
    follow();
  });
  wantsDark.addEventListener("change", follow);
  narrow.addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => plots.filter((plot) => !plot.dataset.drawn).forEach(draw));

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
    return cell.textContent;
  };
  const compare = (one, other) => {
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
      return sign * compare(one, other);
    });
    table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  };
  document.querySelectorAll("th button").forEach((button) => {
    button.addEventListener("click", () => sort(button.closest("th")));
  });

  follow();
  const observer = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      observer.unobserve(entry.target);
      draw(entry.target);
    });
  }, { rootMargin: "800px" });
  plots.forEach((plot) => observer.observe(plot));
})();
