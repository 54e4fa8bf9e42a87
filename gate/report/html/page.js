"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");
  const filter = document.getElementById("filter");
  const hits = document.getElementById("hits");
  const step = 200; // entries shown at once

  // make builds an element. Text only ever goes in as text.
  function make(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes || {})) {
      if (v !== undefined && v !== null && v !== false) e.setAttribute(k, v);
    }
    for (const c of children.flat(Infinity)) {
      if (c !== undefined && c !== null && c !== "") e.append(c);
    }
    return e;
  }
  const svg = (name, attributes, text) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
    if (text) e.textContent = text;
    return e;
  };
  const number = (n) => n.toLocaleString("en-US");
  const list = (v) => v || [];
  const href = (view, key, value) => "#" + view + (key ? "?" + key + "=" + encodeURIComponent(value) : "");
  const name = (i) => (i >= 0 ? data.people[i] : "nobody");
  const person = (i) => make("a", { href: href("people", "who", name(i)) }, name(i));
  const people = (ids) => make("span", { class: "people" }, list(ids).slice(0, step).map(person),
    list(ids).length > step ? make("span", { class: "faint" }, "and " + number(ids.length - step) + " more") : "");

  function pairs(rows) {
    const d = make("dl");
    for (const [label, value] of rows) {
      if (value) d.append(make("dt", {}, label), make("dd", {}, value));
    }
    return d;
  }

  function sides(edit) {
    const side = (label, stretches) => make("div", { class: "side", role: "group", "aria-label": label },
      list(stretches).map(([op, text]) => (op === "=" ? text : make(op === "-" ? "del" : "ins", {}, text))));
    const both = [make("div", { class: "part" }, edit.Part)];
    if (list(edit.Before).length || list(edit.After).length) {
      both.push(make("div", { class: "sides" }, side("before", edit.Before), side("after", edit.After)));
    }
    return both;
  }

  const counted = (n, one, many) => number(n) + " " + (n === 1 ? one : many);
  function gains(c) {
    return list(c.Gains).filter((g) => !g.Own).map((g) => make("div", {}, counted(g.Facts, "fact", "facts"), " of ", person(g.Owner),
      make("span", { class: "faint" }, " " + g.Bits + " bits" + (g.New ? ", never had before" : "")),
      list(g.Sample).length ? make("div", { class: "faint" }, g.Sample.join(", ")) : ""));
  }

  function change(c) {
    return make("div", {}, pairs([
      ["before", c.Before >= 0 ? person(c.Before) : "not sent"],
      ["after", c.After >= 0 ? person(c.After) : "not sent"],
      ["where", c.Where], ["scenario", c.Scenario], ["paired by", c.Rule],
      ["facts", gains(c).length ? make("div", {}, gains(c)) : ""],
      ["findings", list(c.Findings).length ? make("span", {}, c.Findings.map((f) => make("a", { href: href("findings", "id", data.findings[f].Fingerprint) }, data.findings[f].Check + " "))) : ""],
    ]), list(c.Edits).map(sides));
  }

  // lazy is an entry whose inside is made when it is opened.
  function lazy(id, head, inside, open) {
    const d = make("details", { id: id }, make("summary", {}, head));
    const fill = () => { if (d.open && d.children.length === 1) d.append(inside()); };
    d.addEventListener("toggle", fill);
    if (open) { d.open = true; fill(); }
    return d;
  }

  const stateTag = (f) => make("span", { class: "tag " + (f.Open ? "open" : f.State) }, f.State);
  function finding(f, i, open) {
    return lazy("f-" + i, [stateTag(f), make("b", {}, f.Check), ": " + f.Title], () => make("div", {},
      f.Example ? list(f.Example.Edits).slice(0, 1).map(sides) : "",
      pairs([
        ["who gains", list(f.Gained).length ? people(f.Gained) : ""], ["who loses", list(f.Lost).length ? people(f.Lost) : ""],
        ["whose data", list(f.Owners).length ? people(f.Owners) : ""], ["outside", list(f.Parties).length ? people(f.Parties) : ""],
        ["left out here", [f.More ? counted(f.More, "name", "names") : "", f.MoreChanges ? counted(f.MoreChanges, "message", "messages") : ""].filter(Boolean).join(", ")], ["where", f.Where], ["classes", list(f.Classes).join("; ")], ["messages", number(f.Count)], ["state", f.Approval],
        ["fingerprint", make("code", {}, f.Fingerprint)], ["link", make("a", { href: href("findings", "id", f.Fingerprint) }, "to this finding")],
      ]),
      f.Example ? [make("h2", {}, "Example, whole"), change(f.Example)] : "",
      list(f.Changes).length ? [make("h2", {}, "Messages"), more(f.Changes, (k) => message(k))] : ""), open);
  }

  function message(k, open) {
    const c = data.changes[k];
    const who = c.Before === c.After || c.Before < 0 || c.After < 0 ? name(c.After >= 0 ? c.After : c.Before) : name(c.Before) + " → " + name(c.After);
    return lazy("m-" + k, [make("span", { class: "tag" }, c.Kind), who, c.Title ? make("span", { class: "faint" }, "  " + c.Title) : ""], () => change(c), open);
  }

  // more shows entries a step at a time.
  function more(entries, show) {
    const box = make("div");
    let at = 0;
    const button = make("button", {}, "");
    const next = () => {
      button.remove();
      for (const end = Math.min(at + step, entries.length); at < end; at++) box.append(show(entries[at]));
      if (at < entries.length) { button.textContent = "show " + number(Math.min(step, entries.length - at)) + " more of " + number(entries.length - at); box.append(button); }
    };
    button.addEventListener("click", next);
    next();
    return box;
  }

  const wants = (text) => filter.value.toLowerCase().split(/\s+/).every((w) => text.toLowerCase().includes(w));
  const say = (n, what) => { hits.textContent = number(n) + " " + what; };

  const roles = new Map(); // person -> what became of them
  function role(i) {
    if (!roles.has(i)) roles.set(i, { gains: new Set(), loses: new Set(), owns: new Set(), messages: [] });
    return roles.get(i);
  }
  list(data.findings).forEach((f, n) => {
    for (const i of list(f.Gained).concat(list(f.Parties))) role(i).gains.add(n);
    for (const i of list(f.Lost)) role(i).loses.add(n);
    for (const i of list(f.Owners)) role(i).owns.add(n);
  });
  list(data.changes).forEach((c, k) => {
    for (const i of new Set([c.Before, c.After])) if (i >= 0) role(i).messages.push(k);
  });

  const concerned = (f) => list(f.Gained).concat(list(f.Lost), list(f.Owners), list(f.Parties));

  // Findings are chosen by person, class and check. What was chosen stands in the address, so that it can be handed on.
  const choices = [["who", "everybody", (f) => concerned(f).map(name)], ["class", "all classes", (f) => list(f.Classes)], ["check", "all checks", (f) => [f.Check]]].map(([key, all, values]) => {
    const known = [...new Set(list(data.findings).flatMap(values))].sort().slice(0, 1000);
    const select = make("select", { id: "choose-" + key, "aria-label": all }, make("option", { value: "" }, all), known.map((v) => make("option", { value: v }, v)));
    if (known.length > 1) document.getElementById("choices").append(select);
    select.addEventListener("change", () => {
      const q = new URLSearchParams();
      for (const c of choices) if (c.select.value) q.set(c.key, c.select.value);
      location.hash = "#findings" + (q.size ? "?" + q : "");
    });
    return { key, select };
  });

  const views = {
    findings(q) {
      const all = list(data.findings).map((f, i) => [f, i]).filter(([f]) => (!q.id || f.Fingerprint === q.id) && (!q.check || f.Check === q.check) &&
          (!q.class || list(f.Classes).includes(q.class)) && (!q.who || concerned(f).some((i) => name(i) === q.who)))
        .filter(([f]) => wants([f.Check, f.Title, f.Fingerprint, f.State, f.Where].concat(list(f.Classes), concerned(f).map(name)).join(" ")));
      say(all.length, all.length === 1 ? "finding" : "findings");
      if (!all.length) return make("p", { class: "faint" }, data.findings && data.findings.length ? "No finding matches." : "Nothing was found.");
      return more(all, ([f, i]) => finding(f, i, Boolean(q.id) || i === all[0][1])); // the most harmful is open
    },
    people(q) {
      const all = [...roles.keys()].filter((i) => (q.who ? name(i) === q.who : true) && wants(name(i)));
      all.sort((a, b) => role(b).gains.size + role(b).owns.size - role(a).gains.size - role(a).owns.size || (name(a) < name(b) ? -1 : 1));
      say(all.length, all.length === 1 ? "recipient" : "recipients");
      if (!all.length) return make("p", { class: "faint" }, "Nobody matches.");
      const links = (set) => (set.size ? make("span", {}, [...set].slice(0, step).map((n) => make("a", { href: href("findings", "id", data.findings[n].Fingerprint) }, data.findings[n].Check + " "))) : "");
      return more(all, (i) => lazy("p-" + i, [make("b", {}, name(i)), make("span", { class: "faint" },
        "  gains in " + role(i).gains.size + ", loses in " + role(i).loses.size + ", data in " + role(i).owns.size + " findings")],
        () => make("div", {}, pairs([["gains", links(role(i).gains)], ["loses", links(role(i).loses)], ["data received by others", links(role(i).owns)]]),
          more(role(i).messages, (k) => message(k))), Boolean(q.who)));
    },
    messages(q) {
      const all = list(data.changes).map((c, k) => k).filter((k) => {
        const c = data.changes[k];
        return wants([c.Kind, c.Title, c.Where, name(c.Before), name(c.After)].join(" "));
      });
      say(all.length, all.length === 1 ? "message" : "messages");
      if (!all.length) return make("p", { class: "faint" }, "No message matches.");
      return more(all, (k) => message(k, q.n === String(k)));
    },
    matrix() {
      const cells = new Map();
      const to = new Map(), of = new Map();
      list(data.changes).forEach((c, k) => {
        if (c.After < 0) return;
        for (const g of list(c.Gains)) {
          if (g.Own || !wants(name(c.After) + " " + name(g.Owner))) continue;
          const key = c.After + " " + g.Owner;
          const cell = cells.get(key) || { to: c.After, of: g.Owner, bits: 0, facts: 0, k: k };
          cell.bits = Math.max(cell.bits, g.Bits); cell.facts += g.Facts;
          cells.set(key, cell);
          to.set(c.After, (to.get(c.After) || 0) + 1); of.set(g.Owner, (of.get(g.Owner) || 0) + 1);
        }
      });
      say(cells.size, "pairs");
      if (!cells.size) return make("p", { class: "faint" }, "Nobody gained anybody else's facts.");
      const top = (m, n) => [...m.keys()].sort((a, b) => m.get(b) - m.get(a) || (name(a) < name(b) ? -1 : 1)).slice(0, n);
      const rows = top(to, 40), columns = top(of, 60), size = 14, left = 260, head = 170;
      const plot = svg("svg", { width: left + columns.length * size + 130, height: head + rows.length * size + 10, role: "img", "aria-label": "who gained whose facts" });
      const short = (s) => (s.length > 34 ? s.slice(0, 33) + "…" : s);
      rows.forEach((r, y) => plot.append(svg("text", { x: left - 6, y: head + y * size + 11, "text-anchor": "end" }, short(name(r)))));
      columns.forEach((c, x) => plot.append(svg("text", { transform: "translate(" + (left + x * size + 11) + "," + (head - 6) + ") rotate(-60)" }, short(name(c)))));
      const most = Math.max(...[...cells.values()].map((c) => c.bits), 1);
      let shown = 0;
      for (const c of cells.values()) {
        const y = rows.indexOf(c.to), x = columns.indexOf(c.of);
        if (x < 0 || y < 0) continue;
        shown++;
        const r = svg("rect", { class: "cell", x: left + x * size, y: head + y * size, width: size - 1, height: size - 1, "fill-opacity": (0.25 + 0.75 * c.bits / most).toFixed(2) });
        r.append(svg("title", {}, name(c.to) + " gained " + counted(c.facts, "fact", "facts") + " of " + name(c.of) + ", " + c.bits + " bits"));
        r.addEventListener("click", () => { location.hash = href("messages", "n", String(c.k)); });
        plot.append(r);
      }
      return make("div", {}, make("p", {}, "Rows gained facts of columns; the darker, the heavier the evidence. A cell leads to a message. Shown: " +
        number(shown) + " of " + number(cells.size) + " pairs, of those concerned most."), plot);
    },
    run() {
      say(list(data.gaps).length, "gaps");
      const section = (title, entries) => (list(entries).length ? [make("h2", {}, title), make("ul", {}, entries.map((t) => make("li", {}, t)))] : "");
      return make("div", {}, pairs(list(data.facts)), section("Reasons", data.reasons), section("Not seen, or not seen whole", data.gaps), section("Notes", data.notes),
        section("Left out of this page, and whole in the JSON verdict", data.dropped),
        list(data.masks).length ? [make("h2", {}, "Masked before comparison"), make("table", {}, make("tr", {}, make("th", { class: "n" }, "times"), make("th", {}, "rule and part")),
          data.masks.map((m) => make("tr", {}, make("td", { class: "n" }, number(m.n)), make("td", {}, m.what))))] : "");
    },
  };

  function show() {
    const [view, query] = location.hash.slice(1).split("?");
    const which = Object.hasOwn(views, view) ? view : "findings";
    const q = Object.fromEntries(new URLSearchParams(query || ""));
    for (const b of document.querySelectorAll("nav button")) {
      if (b.dataset.view === which) b.setAttribute("aria-current", "page"); else b.removeAttribute("aria-current");
    }
    for (const c of choices) c.select.value = which === "findings" && q[c.key] || "";
    main.replaceChildren(views[which](q));
    const open = q.n !== undefined && document.getElementById("m-" + q.n);
    if (open) { open.open = true; open.scrollIntoView({ block: "center" }); }
  }

  document.getElementById("blast").append(...list(data.blast).filter((b) => b.n > 0).map((b) => make("span", {}, make("b", {}, number(b.n)), " " + b.what)));
  if (list(data.dropped).length) {
    document.querySelector("header").append(make("p", { class: "faint" }, "Left out of this page for want of room: " + data.dropped.join(", ") + ". The JSON verdict has all."));
  }
  for (const b of document.querySelectorAll("nav button")) {
    b.addEventListener("click", () => { if (location.hash === "#" + b.dataset.view) show(); else location.hash = "#" + b.dataset.view; });
  }
  let timer = 0;
  filter.addEventListener("input", () => { cancelAnimationFrame(timer); timer = requestAnimationFrame(show); });
  window.addEventListener("hashchange", show);
  window.addEventListener("beforeprint", () => { for (const d of [...main.querySelectorAll("details")].slice(0, step)) d.open = true; });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape") {
      if (document.activeElement === filter) { cancelAnimationFrame(timer); filter.value = ""; filter.blur(); show(); return; }
      const d = document.activeElement && document.activeElement.closest("details");
      if (d) d.open = false;
      return;
    }
    if (document.activeElement === filter || document.activeElement.tagName === "SELECT") return;
    const tabs = [...document.querySelectorAll("nav button")];
    if (e.key >= "1" && e.key <= String(tabs.length)) { tabs[Number(e.key) - 1].click(); return; }
    if (e.key === "/") { e.preventDefault(); filter.focus(); return; }
    if (e.key === "j" || e.key === "k") {
      const all = [...main.querySelectorAll("summary")];
      if (!all.length) return;
      const at = all.indexOf(document.activeElement);
      const to = all[Math.max(0, Math.min(all.length - 1, at + (e.key === "j" ? 1 : -1)))];
      to.focus(); to.scrollIntoView({ block: "nearest" });
    }
  });
  show();
})();
