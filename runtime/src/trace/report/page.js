"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chart = document.getElementById("chart");
  const canvas = chart.querySelector("canvas");
  const cursor = document.getElementById("cursor");
  const tip = document.getElementById("tip");

  // Colours that people with any kind of colour vision tell apart (after Okabe and Ito), as the cause of a move.
  const CAUSES = {
    "launch": ["for a launch", "#E69F00"],
    "prefetch": ["prefetched", "#56B4E9"],
    "along": ["along with others", "#F0E442"],
    "fault": ["CPU fault", "#D55E00"],
    "fetch_ahead": ["ahead of a CPU scan", "#CC79A7"],
    "eviction": ["evicted", "#0072B2"],
    "clean": ["written back ahead of need", "#009E73"],
    "pin": ["pinned", "#8C6BB1"],
    "freed": ["freed", "#AAAAAA"],
    "library": ["by the library", "#777777"],
  };
  const cause = name => CAUSES[name] || [name, "#777777"];
  const LEFT = 176, RIGHT = 14, GAP = 26, LANES = 8;
  const n = data.columns;

  const number = v => Math.round(v).toLocaleString("en-US");
  const figures = v => v >= 100 ? v.toFixed(0) : String(parseFloat(v.toPrecision(3)));
  function amount(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = 0;
    while (bytes >= 1024 && step < 4) { bytes /= 1024; step++; }
    return figures(bytes) + " " + units[step];
  }
  function time(ns) {
    const [unit, size] = ns < 1e3 ? ["ns", 1] : ns < 1e6 ? ["µs", 1e3] : ns < 1e9 ? ["ms", 1e6] : ["s", 1e9];
    return figures(ns / size) + " " + unit;
  }
  const plural = (count, what) => number(count) + " " + what + (Math.round(count) === 1 ? "" : "s");

  // What is drawn where: areas from top to bottom, each with what it says about a point in it.
  let areas = [], width = 0, scale = 1, c = null, tones = {};
  const x = column => LEFT + column * (width - LEFT - RIGHT) / n;
  const xOf = ns => LEFT + Math.min(1, ns / data.duration_ns) * (width - LEFT - RIGHT);

  function rgb(hex) {
    const v = parseInt(hex.trim().slice(1), 16);
    return [v >> 16 & 255, v >> 8 & 255, v & 255];
  }
  const mix = (parts) => {
    const sum = [0, 0, 0];
    for (const [share, tone] of parts) tone.forEach((v, i) => sum[i] += share * v);
    return "rgb(" + sum.map(Math.round).join() + ")";
  };

  function label(text, y, soft) {
    c.fillStyle = soft ? tones.soft : tones.ink;
    c.textAlign = "right";
    c.textBaseline = "middle";
    let shown = text;
    while (shown.length > 1 && c.measureText(shown).width > LEFT - 16) shown = shown.slice(0, -2).trimEnd() + "…";
    c.fillText(shown, LEFT - 10, y);
  }

  // The rows of the map by range, each range at least as high as its label.
  function mapArea(top) {
    const rows = data.rows.length;
    const height = rows === 0 ? 0 : Math.max(2, Math.min(16, Math.floor(600 / rows)));
    const groups = [];
    data.rows.forEach((row, at) => {
      const last = groups[groups.length - 1];
      if (last && last.range === row.range) last.rows.push(at); else groups.push({ range: row.range, rows: [at] });
    });
    let y = top;
    const placed = [];
    for (const group of groups) {
      const each = Math.max(height, 15 / group.rows.length);
      group.top = y;
      for (const at of group.rows) { placed.push({ at, top: y, bottom: y + each }); y += each; }
      group.bottom = y;
      y += 5;
    }
    return { top, bottom: Math.max(top, y - 5), draw: () => drawMap(groups, placed), tell: (px, py) => tellMap(placed, px, py) };
  }

  const share = (text, column) => parseInt(text[column], 36) / 32;

  function drawMap(groups, placed) {
    const card = rgb(tones.card), host = rgb(tones.host), both = rgb(tones.both), device = rgb(tones.device);
    for (const { at, top, bottom } of placed) {
      const row = data.rows[at];
      for (let column = 0; column < n; column++) {
        const d = share(row.device, column), b = Math.min(1 - d, share(row.both, column));
        const used = parseInt(row.used[column], 10);
        const strength = used === 0 ? 0.28 : 0.52 + 0.48 * used / 9;
        const tone = [[d, device], [b, both], [1 - d - b, host]].map(([part, tone]) => [part * strength, tone]);
        c.fillStyle = mix([...tone, [1 - strength, card]]);
        c.fillRect(x(column), top, x(column + 1) - x(column) + 0.5, bottom - top);
      }
    }
    hatch(placed);
    c.fillStyle = tones.fault;
    for (const { at, top, bottom } of placed) {
      for (const [column] of data.rows[at].faults) {
        const size = Math.min(3, bottom - top);
        c.fillRect((x(column) + x(column + 1) - size) / 2, (top + bottom - size) / 2, size, size);
      }
    }
    for (const group of groups) {
      const range = data.ranges[group.range];
      const middle = (group.top + group.bottom) / 2, tall = group.bottom - group.top >= 32;
      label(range.name, tall ? middle - 8 : middle);
      if (tall) label(amount(range.bytes), middle + 8, true);
    }
  }

  // What both sides have is hatched, so that it does not rest on a hue alone.
  function hatch(placed) {
    c.save();
    c.beginPath();
    let any = false;
    for (const { at, top, bottom } of placed) {
      const row = data.rows[at];
      for (let column = 0; column < n; column++) {
        if (share(row.both, column) < 0.5) continue;
        any = true;
        c.rect(x(column), top, x(column + 1) - x(column) + 0.5, bottom - top);
      }
    }
    if (any) {
      c.clip();
      c.strokeStyle = tones.card;
      c.globalAlpha = 0.4;
      c.lineWidth = 1;
      const top = placed[0].top, bottom = placed[placed.length - 1].bottom;
      c.beginPath();
      for (let at = LEFT - (bottom - top); at < width; at += 5) {
        c.moveTo(at, bottom);
        c.lineTo(at + bottom - top, top);
      }
      c.stroke();
    }
    c.restore();
  }

  function tellMap(placed, px, py) {
    const hit = placed.find(({ top, bottom }) => py >= top && py < bottom);
    if (!hit) return null;
    const row = data.rows[hit.at], column = columnOf(px);
    const d = share(row.device, column), b = share(row.both, column);
    const uses = (parseInt(row.used[column], 10) / 9) ** 2 * data.most_uses;
    const faults = row.faults.find(([at]) => at === column);
    const parts = [[d, "the device"], [b, "both"], [Math.max(0, 1 - d - b), "the host"]].filter(([part]) => part > 0.01);
    const where = plural(row.pages, "page") + ": " + (parts.length === 1
      ? `with ${parts[0][1]}`
      : parts.map(([part, side]) => `${figures(part * row.pages)} with ${side}`).join(", "));
    return `${data.ranges[row.range].name}, ${row.address}\n${where}\n` +
      (uses > 0 ? `used by launches, about ${figures(uses)} times a page` : "not used by launches") +
      (faults ? `\n${plural(faults[1], "CPU fault")}` : "");
  }

  // A lane for each of the kernels that took longest, one for the rest.
  function kernelArea(top) {
    const order = data.kernels.map((_, at) => at).filter(at => data.kernels[at].launches > 0)
      .sort((a, b) => data.kernels[b].ns - data.kernels[a].ns || data.kernels[b].launches - data.kernels[a].launches);
    const own = order.length > LANES ? LANES - 1 : order.length;
    const lane = new Map(order.map((kernel, at) => [kernel, Math.min(at, own)]));
    const lanes = Math.min(order.length, LANES), height = 15;
    const bars = data.launches.map(launch => {
      const left = xOf(launch[1]);
      return { launch, lane: lane.get(launch[0]), left, right: Math.max(left + 1, xOf(launch[1] + launch[2])) };
    });
    const draw = () => {
      for (let at = 0; at < lanes; at++) {
        const y = top + at * height;
        c.fillStyle = tones.grid;
        c.fillRect(LEFT, y + 1, width - LEFT - RIGHT, height - 3);
        label(at < own ? data.kernels[order[at]].name : "other kernels", y + height / 2);
      }
      c.fillStyle = tones.kernel;
      for (const bar of bars) c.fillRect(bar.left, top + bar.lane * height + 1, bar.right - bar.left, height - 3);
    };
    const tell = (px, py) => {
      const at = Math.floor((py - top) / height);
      const near = bars.filter(bar => bar.lane === at && px >= bar.left - 2 && px <= bar.right + 2);
      if (near.length === 0) return null;
      const [kernel, , ns, read, written, inPlace, count] = near[0].launch;
      const more = near.length + count - 1 > 1 ? `\n${number(near.reduce((sum, bar) => sum + bar.launch[6], 0))} launches here` : "";
      return `${data.kernels[kernel].name}, ${ns > 0 ? time(ns) : "time unknown"}\n` +
        `reads ${plural(read, "page")}, writes ${plural(written, "page")}` + (inPlace > 0 ? `, ${number(inPlace)} of them in place` : "") + more;
    };
    return { top, bottom: top + lanes * height, draw, tell };
  }

  // Hints of the program, where there are any.
  function hintArea(top) {
    if (data.hints.length === 0) return null;
    const height = 15;
    const draw = () => {
      label("hints", top + height / 2);
      c.fillStyle = tones.grid;
      c.fillRect(LEFT, top + 1, width - LEFT - RIGHT, height - 3);
      c.fillStyle = tones.good;
      for (const hint of data.hints) c.fillRect(xOf(hint.at_ns) - 1, top + 1, 2, height - 3);
    };
    const tell = px => {
      const near = data.hints.filter(hint => Math.abs(xOf(hint.at_ns) - px) <= 3);
      if (near.length === 0) return null;
      const lines = near.slice(0, 8).map(hint => {
        const range = hint.range === null ? "" : ` of '${data.ranges[hint.range].name}'`;
        return `${hint.name}: ${amount(hint.bytes)}${range}`;
      });
      return lines.join("\n") + (near.length > 8 ? `\nand ${near.length - 8} more` : "");
    };
    return { top, bottom: top + height, draw, tell };
  }

  function bars(top, height, name, stacks, most, unit) {
    const draw = () => {
      c.fillStyle = tones.grid;
      c.fillRect(LEFT, top + height - 1, width - LEFT - RIGHT, 1);
      label(name, top + height / 2 - 7);
      label("up to " + unit(most), top + height / 2 + 9, true);
      for (let column = 0; column < n; column++) {
        let y = top + height;
        for (const [values, tone] of stacks) {
          if (values[column] === 0) continue;
          const h = Math.max(1, values[column] / most * height);
          c.fillStyle = tone();
          c.fillRect(x(column), y - h, Math.max(1, x(column + 1) - x(column) - 0.5), h);
          y -= h;
        }
      }
    };
    return draw;
  }

  const sums = stacks => Array.from({ length: n }, (_, column) => stacks.reduce((sum, [values]) => sum + values[column], 0));

  function faultArea(top) {
    const stacks = [[data.faults[0], () => tones.host], [data.faults[1], () => tones.device]];
    const most = Math.max(...sums(stacks));
    if (most === 0) return null;
    const height = 40;
    const tell = px => {
      const column = columnOf(px);
      return `CPU faults: ${number(data.faults[0][column])} to read, ${number(data.faults[1][column])} to write`;
    };
    return { top, bottom: top + height, draw: bars(top, height, "CPU faults", stacks, most, number), tell };
  }

  // Bytes moved: to the device upwards, to the host downwards, on one scale.
  function movedArea(top) {
    const of = to => data.moved.filter(moved => moved.to === to).map(moved => [moved.columns, () => cause(moved.cause)[1], moved]);
    const up = of("device"), down = of("host");
    const most = [up, down].map(stacks => Math.max(0, ...sums(stacks)));
    const total = most[0] + most[1];
    if (total === 0) return null;
    const height = 128, zero = top + Math.max(32, Math.min(height - 32, height * most[0] / total));
    const pixels = bytes => Math.max(1, bytes / Math.max(most[0] / (zero - top), most[1] / (top + height - zero)));
    const draw = () => {
      label("to the device", Math.max(top + 7, zero - 22));
      label("up to " + amount(most[0]), Math.max(top + 7, zero - 22) + 14, true);
      label("to the host", Math.min(top + height - 20, zero + 14));
      label("up to " + amount(most[1]), Math.min(top + height - 20, zero + 14) + 14, true);
      for (let column = 0; column < n; column++) {
        for (const [stacks, way] of [[up, -1], [down, 1]]) {
          let y = zero;
          for (const [values, tone] of stacks) {
            if (values[column] === 0) continue;
            const h = pixels(values[column]);
            c.fillStyle = tone();
            c.fillRect(x(column), way < 0 ? y - h : y, Math.max(1, x(column + 1) - x(column) - 0.5), h);
            y += way * h;
          }
        }
      }
      c.fillStyle = tones.soft;
      c.fillRect(LEFT, zero - 0.5, width - LEFT - RIGHT, 1);
    };
    const tell = px => {
      const column = columnOf(px);
      const lines = [...up, ...down].filter(([values]) => values[column] > 0)
        .map(([values, , moved]) => `${amount(values[column])} to the ${moved.to}, ${cause(moved.cause)[0]}`);
      return lines.length > 0 ? lines.join("\n") : "nothing moved";
    };
    return { top, bottom: top + height, draw, tell };
  }

  function memoryArea(top) {
    if (data.budget_bytes === 0) return null;
    const height = 48, most = Math.max(data.budget_bytes, ...data.occupancy);
    const y = bytes => top + height - bytes / most * height;
    const draw = () => {
      label("device memory", top + height / 2 - 7);
      label("of " + amount(data.budget_bytes), top + height / 2 + 9, true);
      c.beginPath();
      c.moveTo(LEFT, top + height);
      for (let column = 0; column < n; column++) {
        c.lineTo(x(column), y(data.occupancy[column]));
        c.lineTo(x(column + 1), y(data.occupancy[column]));
      }
      c.lineTo(x(n), top + height);
      c.closePath();
      c.fillStyle = tones.memory;
      c.globalAlpha = 0.75;
      c.fill();
      c.globalAlpha = 1;
      c.strokeStyle = tones.soft;
      c.setLineDash([4, 3]);
      c.beginPath();
      c.moveTo(LEFT, y(data.budget_bytes) + 0.5);
      c.lineTo(width - RIGHT, y(data.budget_bytes) + 0.5);
      c.stroke();
      c.setLineDash([]);
    };
    const tell = px => {
      const bytes = data.occupancy[columnOf(px)];
      return `${amount(bytes)} of device memory in use, ${Math.round(100 * bytes / data.budget_bytes)} % of the budget`;
    };
    return { top, bottom: top + height, draw, tell };
  }

  function axisArea(top) {
    const draw = () => {
      const rough = data.duration_ns / 8, power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= rough);
      c.textAlign = "center";
      c.textBaseline = "top";
      for (let at = 0; at <= data.duration_ns; at += step) {
        if (xOf(at) > width - RIGHT - 12) break;
        c.fillStyle = tones.line;
        c.fillRect(xOf(at), top, 1, 5);
        c.fillStyle = tones.soft;
        c.fillText(at === 0 ? "0" : time(at), xOf(at), top + 8);
      }
    };
    return { top, bottom: top + 22, draw, tell: () => null };
  }

  const columnOf = px => Math.max(0, Math.min(n - 1, Math.floor((px - LEFT) / (width - LEFT - RIGHT) * n)));

  function draw() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["paper", "card", "ink", "soft", "line", "grid", "host", "both", "device", "fault", "kernel", "memory", "good"]) {
      tones[name] = style.getPropertyValue("--" + name).trim();
    }
    width = chart.clientWidth;
    areas = [];
    let y = 2;
    for (const [make, gap] of [[mapArea, GAP], [kernelArea, GAP], [hintArea, GAP], [faultArea, GAP], [movedArea, GAP], [memoryArea, 10], [axisArea, 0]]) {
      const area = make(y);
      if (!area || area.bottom === area.top) continue;
      areas.push(area);
      y = area.bottom + gap;
    }
    scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(y * scale);
    canvas.style.height = y + "px";
    c = canvas.getContext("2d");
    c.scale(scale, scale);
    c.font = "13px system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
    areas.forEach(area => area.draw());
  }

  function point(event) {
    const box = canvas.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    const inside = px >= LEFT && px <= width - RIGHT;
    cursor.style.display = inside ? "block" : "none";
    cursor.style.left = px + "px";
    const area = inside && areas.find(area => py >= area.top && py < area.bottom);
    const said = area && area.tell(px, py);
    tip.style.display = said ? "block" : "none";
    if (!said) return;
    tip.textContent = `at ${time((px - LEFT) / (width - LEFT - RIGHT) * data.duration_ns)}\n${said}`;
    const left = px + 14 + tip.offsetWidth > width ? px - 14 - tip.offsetWidth : px + 14;
    tip.style.left = Math.max(0, left) + "px";
    tip.style.top = Math.max(0, py - tip.offsetHeight - 10) + "px";
  }

  const legend = document.getElementById("causes");
  for (const name of new Set(data.moved.map(moved => moved.cause))) {
    const entry = document.createElement("span"), chip = document.createElement("i");
    chip.style.background = cause(name)[1];
    entry.append(chip, "moved: " + cause(name)[0]);
    legend.append(entry);
  }

  canvas.addEventListener("mousemove", point);
  canvas.addEventListener("mouseleave", () => { cursor.style.display = tip.style.display = "none"; });
  window.addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
