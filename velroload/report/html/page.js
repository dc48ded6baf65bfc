"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = new Map(data.charts.map((chart) => [chart.id, chart]));
  const drawn = new Map(); // id → its element, once it is drawn
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const DAY_S = 86400;
  const ZERO_MS = Date.UTC(2000, 0, 1); // a run's start on the axis: Plotly takes small numbers for years
  const long = data.length_s > DAY_S; // beyond a day the axis counts hours
  let span = null; // [from, to] of all charts over time, seconds; null: all of the run
  let printing = false;

  const isDark = () => !printing && (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const palette = () => data.palettes[isDark() ? "dark" : "light"];
  const pen = (role) => data.pens[role] || { ink: "blue" };
  const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const make = (tag, text, set = {}) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    for (const [key, value] of Object.entries(set)) node.setAttribute(key, value);
    return node;
  };
  const clock = (seconds) => {
    const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
    return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  };
  const inTime = (chart) => chart.x.kind === "time";
  const toX = (chart, values) =>
    inTime(chart) ? values.map((s) => (long ? s / 3600 : ZERO_MS + s * 1000)) : values;

  // ---- Plotly, inflated from this file: an inline script whose hash the policy names
  let library = null;
  function plotly() {
    library = library || (async () => {
      const packed = atob(document.getElementById("plotly").textContent.trim());
      const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      document.head.append(make("script", await new Response(stream).text()));
      return window.Plotly;
    })();
    return library;
  }

  // ---- a chart's description → Plotly's
  function traces(chart, ink) {
    if (chart.heat) return [heatTrace(chart, ink)];
    return chart.lines.map((line, place) => {
      const own = pen(line.role);
      const colour = ink[own.cycle ? data.cycle[place % data.cycle.length] : own.ink];
      const trace = {
        type: "scatter", mode: line.style === "points" ? "markers" : "lines",
        x: toX(chart, line.x || chart.at), y: line.y, name: safe(line.name),
        line: { color: colour, width: own.width || 1.7, dash: own.dash || "solid" },
        yaxis: line.second ? "y2" : "y", connectgaps: false,
        hovertemplate: `%{y:,.4~g}${line.second ? suffix(chart.right) : suffix(chart.y)}`,
        legendgroup: safe(line.name.replace(/, too few samples$/, "")),
      };
      if (line.style === "points") trace.marker = { color: colour, size: chart.x.kind === "number" ? 9 : 3.5, opacity: 0.75 };
      if (line.style === "step") trace.line.shape = "hv";
      if (line.style === "stack") Object.assign(trace, { stackgroup: "all", line: { width: 0.6, color: colour }, fillcolor: tint(colour, 0.75) });
      if (line.style === "area") Object.assign(trace, { fill: "tozeroy", fillcolor: tint(colour, 0.16), line: { width: 1, color: tint(colour, 0.6) } });
      if (line.style === "limit") Object.assign(trace.line, { dash: "dash", width: 1.6 });
      if (line.style === "dots") { trace.line.dash = "dot"; trace.showlegend = false; trace.hoverinfo = "skip"; delete trace.hovertemplate; }
      if (line.hidden) trace.visible = "legendonly";
      return trace;
    });
  }
  const suffix = (axis) => (axis && axis.unit ? (axis.unit === "/s" ? "/s" : " " + axis.unit) : "");
  function tint(hex, alpha) {
    const n = parseInt(hex.slice(1), 16);
    return `rgba(${n >> 16},${(n >> 8) & 255},${n & 255},${alpha})`;
  }
  function heatTrace(chart, ink) {
    const most = Math.max(...chart.heat.rows.map((row) => Math.max(...row)));
    const decades = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((d) => 10 ** d <= most);
    return {
      type: "heatmap", x: toX(chart, chart.heat.x), y: chart.heat.y,
      z: chart.heat.rows.map((row) => row.map((n) => (n ? Math.log10(n) : null))),
      text: chart.heat.rows, hoverongaps: false, zmin: -0.3, zmax: Math.max(Math.log10(most), 0.5),
      hovertemplate: "%{text:,} responses of about %{y:,.3~g} ms<extra></extra>",
      colorscale: ink.heat.map((colour, place) => [place / (ink.heat.length - 1), colour]),
      colorbar: { thickness: 10, outlinewidth: 0, len: 0.9, tickvals: decades, ticktext: decades.map((d) => (10 ** d).toLocaleString("en")) },
      showscale: window.innerWidth > 640,
    };
  }

  function axisOf(axis, ink, more) {
    return Object.assign({
      title: { text: safe(axis.title + (axis.unit ? `, ${axis.unit}` : "")), font: { size: 12 }, standoff: 6 },
      type: axis.log ? "log" : "linear", rangemode: axis.log ? "normal" : "tozero", automargin: true,
      gridcolor: ink.grid, zerolinecolor: ink.grid, linecolor: ink.grid, tickfont: { size: 11 },
      tickformat: ",~g", nticks: 7,
    }, more);
  }
  function xAxis(chart, ink, width) {
    const base = { gridcolor: ink.grid, linecolor: ink.grid, tickfont: { size: 11 }, nticks: Math.max(3, Math.round(width / 110)), automargin: true, zeroline: false };
    const title = (text) => ({ text: safe(text), font: { size: 12 }, standoff: 6 });
    if (inTime(chart)) {
      const [from, to] = span || [0, data.length_s];
      const time = { title: title(long ? "hours since the start" : "since the start, h:mm:ss"), range: toX(chart, [from, to]) };
      if (long) return Object.assign(base, time, { type: "linear" });
      return Object.assign(base, time, { type: "date", hoverformat: "%-H:%M:%S", tickformatstops: [
        { dtickrange: [null, 999], value: "%-H:%M:%S.%L" }, { dtickrange: [1000, null], value: "%-H:%M:%S" }] });
    }
    if (chart.x.kind === "percentile") {
      const vals = [1, 2, 4, 10, 20, 100, 1e3, 1e4, 1e5, 1e6];
      const text = ["0", "50", "75", "90", "95", "99", "99.9", "99.99", "99.999", "99.9999"];
      return Object.assign(base, { type: "log", title: title("percentile"), tickvals: vals, ticktext: text });
    }
    return Object.assign(base, { title: title(chart.x.title), rangemode: "tozero", tickformat: ",~g" });
  }

  function layout(chart, element) {
    const ink = palette(), width = element.clientWidth || 600;
    const found = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { family: "system-ui, sans-serif", size: 12, color: ink.text },
      margin: { l: 8, r: 8, t: 22, b: 8 }, hovermode: inTime(chart) && !chart.heat ? "x unified" : "closest",
      hoverlabel: { bgcolor: ink.panel, bordercolor: ink.grid, font: { color: ink.text, size: 12 } },
      legend: { orientation: "h", x: 0, yref: "container", y: 0, yanchor: "bottom", font: { size: 11.5 }, maxheight: 0.28, traceorder: "normal" },
      showlegend: !chart.heat, dragmode: "zoom", xaxis: xAxis(chart, ink, width),
      yaxis: axisOf(chart.y, ink, chart.heat ? {} : { fixedrange: inTime(chart) }),
    };
    if (chart.y.unit === "%") found.yaxis.range = [0, Math.max(100, ...chart.lines.filter((line) => !line.second).flatMap((line) => line.y)) * 1.02];
    if (chart.right) found.yaxis2 = axisOf(chart.right, ink, { overlaying: "y", side: "right", showgrid: false, fixedrange: true, tickmode: "auto" });
    if (chart.id === "breakers") Object.assign(found.yaxis, { tickvals: [0, 1, 2], ticktext: ["closed", "half-open", "open"], range: [-0.2, 2.2] });
    if (inTime(chart)) Object.assign(found, behind(chart, ink, width));
    let limits = 0;
    for (const line of chart.lines) {
      const value = line.y[0];
      if (line.role !== "limit" || !line.x || line.x.length > 3 || line.x[0] > 0) continue; // one limit for all of the run
      const side = limits++ % 2 ? "left" : "right"; // two near each other stay readable
      found.annotations.push({ xref: "paper", x: side === "left" ? 0.01 : 1, xanchor: side, y: chart.y.log ? Math.log10(value) : value, yanchor: "bottom", text: safe(line.name), showarrow: false, font: { size: 10.5, color: ink.vermillion } });
    }
    return found;
  }

  // ---- phases as bands, events as lines, disturbed seconds as ticks at the foot
  function behind(chart, ink, width) {
    const shapes = [], annotations = [], [from, to] = span || [0, data.length_s];
    const x = (s) => toX(chart, [s])[0], px = (s) => (s / Math.max(to - from, 1e-9)) * width * 0.9;
    const box = (x0, x1, y0, y1, fillcolor) => shapes.push({ type: "rect", xref: "x", yref: "paper", x0: x(x0), x1: x(x1), y0, y1, fillcolor, line: { width: 0 }, layer: "below" });
    const label = (at, text, colour, xanchor) => annotations.push({ x: x(at), y: 1, yref: "paper", yanchor: "bottom", xanchor, text: safe(text), showarrow: false, font: { size: 10.5, color: colour } });
    const room = (text, pixels) => (text.length * 6 <= pixels ? text : pixels > 30 ? text.slice(0, Math.floor(pixels / 6) - 1) + "…" : "");
    for (const band of data.bands) {
      if (band.kind !== "hold") box(band.start_s, band.end_s, 0, 1, ink.band);
      else {
        const a = Math.max(band.start_s, from), b = Math.min(band.end_s, to);
        const text = b > a ? room(band.name, px(b - a)) : "";
        if (text && !data.marks.length) label((a + b) / 2, text, ink.dim, "center");
        else if (text) label(a, text, ink.dim, "left");
      }
      shapes.push({ type: "line", xref: "x", yref: "paper", x0: x(band.start_s), x1: x(band.start_s), y0: 0, y1: 1, line: { width: 0.7, color: ink.grid }, layer: "below" });
    }
    let last = -1e9;
    for (const mark of data.marks) {
      if (mark.end_s !== null) box(mark.at_s, mark.end_s, 0, 1, tint(ink.orange, 0.14));
      shapes.push({ type: "line", xref: "x", yref: "paper", x0: x(mark.at_s), x1: x(mark.at_s), y0: 0, y1: 1, line: { width: 1, dash: "dot", color: ink.orange } });
      if (mark.at_s < from || mark.at_s > to) continue;
      const text = `▾ ${mark.name}${mark.what && mark.what !== "begin" ? " " + mark.what : ""}`;
      if (px(mark.at_s - last) > 90) {
        const left = px(to - mark.at_s) > text.length * 6.3;
        annotations.push({ x: x(mark.at_s), y: 1, yref: "paper", yanchor: "top", xanchor: left ? "left" : "right", text: safe(room(text, 220)), showarrow: false, font: { size: 10.5, color: ink.orange }, bgcolor: tint(ink.bg, 0.75) });
        last = mark.at_s;
      }
    }
    for (const [a, b] of data.bad) box(a, b, 0, 0.025, ink.vermillion);
    return { shapes, annotations };
  }

  // ---- drawing: when scrolled to, again when colours change
  async function draw(element) {
    if (element.dataset.state !== "waiting") return;
    element.dataset.state = "drawing";
    try {
      const chart = byId.get(element.dataset.chart), Plotly = await plotly();
      await Plotly.newPlot(element, traces(chart, palette()), layout(chart, element), { displayModeBar: false, responsive: true, showTips: false });
      drawn.set(chart.id, element);
      element.on("plotly_relayout", (change) => follow(chart, change));
      element.dataset.state = "drawn";
    } catch (error) {
      element.dataset.state = "none";
      throw error;
    }
  }
  function redraw() {
    for (const [id, element] of drawn) {
      const chart = byId.get(id);
      window.Plotly.react(element, traces(chart, palette()), layout(chart, element));
    }
  }

  // ---- one time range for all
  function follow(chart, change) {
    if (!inTime(chart)) return;
    if (change["xaxis.autorange"]) return show(null);
    const ends = change["xaxis.range"] || [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (ends[0] === undefined) return;
    const seconds = ends.map((end) => (long ? end * 3600 : ((typeof end === "number" ? end : Date.parse(end.replace(" ", "T") + "Z")) - ZERO_MS) / 1000));
    show([Math.max(0, seconds[0]), Math.min(data.length_s, seconds[1])]);
  }
  function show(next, word) {
    const same = JSON.stringify(next) === JSON.stringify(span);
    span = next;
    document.getElementById("told").textContent = span ? `${clock(span[0])} to ${clock(span[1])}` : "";
    if (!word) choose.value = "";
    if (same) return;
    for (const [id, element] of drawn) {
      const chart = byId.get(id);
      if (inTime(chart)) {
        const all = layout(chart, element);
        window.Plotly.relayout(element, { "xaxis.range": all.xaxis.range, shapes: all.shapes, annotations: all.annotations });
      }
    }
  }
  const choose = document.getElementById("span");
  const spans = [];
  for (const band of data.bands) if (band.kind === "hold") spans.push([band.name, band.start_s, band.end_s]);
  for (const mark of data.marks) {
    const end = mark.end_s === null ? mark.at_s : mark.end_s, around = Math.max(5, (end - mark.at_s) / 2);
    if (mark.what === "begin" || mark.end_s !== null) spans.push([`around ${mark.name}`, Math.max(0, mark.at_s - around), Math.min(data.length_s, end + around)]);
  }
  spans.forEach(([name], place) => choose.append(make("option", name, { value: place })));
  choose.addEventListener("change", () => {
    const found = spans[choose.value];
    show(found ? [found[1], found[2]] : null, true);
  });
  document.getElementById("whole").addEventListener("click", () => show(null));

  // ---- the table behind a chart, made when it is opened
  function table(chart) {
    const found = make("table"), head = make("tr"), body = make("tbody");
    const heads = [], rows = [];
    if (chart.heat) {
      heads.push(inTime(chart) ? "from" : chart.x.title, "responses", "most of them took, ms");
      for (let c = 0; c + 1 < chart.heat.x.length; c++) {
        const column = chart.heat.rows.map((row) => row[c]), most = Math.max(...column), y = column.indexOf(most);
        rows.push([clock(chart.heat.x[c]), column.reduce((a, b) => a + b, 0), most ? `${chart.heat.y[y]} to ${chart.heat.y[y + 1]}` : null]);
      }
    } else {
      const shared = chart.lines.filter((line) => !line.x), own = chart.lines.filter((line) => line.x);
      if (shared.length) {
        heads.push(inTime(chart) ? "time" : chart.x.title, ...shared.map((line) => line.name));
        chart.at.forEach((at, place) => rows.push([inTime(chart) ? clock(at) : at, ...shared.map((line) => line.y[place])]));
      } else {
        heads.push("series", chart.x.kind === "percentile" ? "percentile" : chart.x.title, `${chart.y.title}, ${chart.y.unit}`);
        for (const line of own) line.x.forEach((x, place) => rows.push([line.name, chart.x.kind === "percentile" ? +(100 * (1 - 1 / x)).toPrecision(7) : x, line.y[place]]));
      }
    }
    for (const name of heads) head.append(make("th", name, { scope: "col" }));
    for (const row of rows) {
      const line = make("tr");
      row.forEach((value, place) => line.append(make(place ? "td" : "th", value === null || value === undefined ? "–" : typeof value === "number" ? value.toLocaleString("en") : value, place ? {} : { scope: "row" })));
      body.append(line);
    }
    found.append(make("thead"), body);
    found.firstChild.append(head);
    found.setAttribute("aria-label", chart.title);
    return found;
  }
  for (const details of document.querySelectorAll("details[data-table]")) {
    details.addEventListener("toggle", () => {
      if (!details.open || details.children.length > 1) return;
      const chart = byId.get(details.dataset.table);
      const holder = make("div", undefined, { class: "scroll", role: "region", tabindex: "0", "aria-label": `${chart.title} as a table` });
      holder.append(table(chart));
      details.append(holder);
    });
  }
  for (const button of document.querySelectorAll("button[data-save]")) {
    button.addEventListener("click", async () => {
      const element = document.querySelector(`[data-chart="${button.dataset.save}"]`);
      await draw(element);
      window.Plotly.downloadImage(element, { format: "png", width: 1400, height: 600, filename: button.dataset.save });
    });
  }

  // ---- tables that sort
  for (const sortable of document.querySelectorAll("table.sortable")) {
    sortable.querySelectorAll("thead th").forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "descending" ? false : head.getAttribute("aria-sort") === "ascending" ? true : !head.classList.contains("left");
        sortable.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => {
          const cell = row.cells[column];
          return cell.dataset.sort !== undefined ? Number(cell.dataset.sort) : cell.textContent.trim().toLowerCase();
        };
        const rows = [...sortable.tBodies[0].rows].map((row) => [key(row), row]);
        rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
        sortable.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  // ---- colours, print
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  dark.addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => {
    printing = true;
    if (window.Plotly) for (const element of document.querySelectorAll(".plot")) draw(element);
    redraw();
  });
  window.addEventListener("afterprint", () => { printing = false; redraw(); });

  const plots = document.querySelectorAll(".plot");
  if (!("DecompressionStream" in window)) {
    for (const element of plots) element.dataset.state = "none";
    return;
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "300px 0px" });
  for (const element of plots) seen.observe(element);
  window.addEventListener("load", () => setTimeout(plotly, 100)); // after the first screen
})();
