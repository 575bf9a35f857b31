"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector, within = document) => within.querySelector(selector);
  const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];
  const FORMAT = "keras-series choices";
  const VERSION = 1;
  const BATCH = 500; // Changes in one request to the server.

  // ------------------------------------------------------------------ photos, rows and choices

  const photos = [];
  const rows = data.rows.map((row, index) => {
    const first = photos.length;
    row.photos.forEach((photo, place) => {
      // Brackets and panoramas are kept whole, so that nothing in them is suggested.
      const keep = photo.keep && row.kind === "series";
      const more = { keep, index: first + place, row: index, place, choice: null, stars: null };
      photos.push({ ...photo, ...more });
    });
    const ranked = row.photos.filter((photo) => photo.ranked).length;
    const own = photos.slice(first);
    // Each row is one stop of the Tab key: the photo that had the focus last.
    return { ...row, index, ranked, photos: own, stop: own[0], section: null, built: false };
  });
  const byUri = new Map(photos.map((photo) => [photo.uri, photo]));
  const undoable = []; // Lists of [photo, choice, stars] as they were before.
  let shown = rows;
  let current = photos[0] || null;
  let filter = "all";
  let order = "shot";

  const isUndecided = (row) => {
    if (row.kind === "single") return row.photos.some((photo) => !photo.choice);
    return !row.photos.some((photo) => photo.choice === "keep")
      && row.photos.some((photo) => !photo.choice);
  };
  const isClose = (row) => row.kind === "series" && row.photos[0].verdict === "too close to call";
  const filters = { all: () => true, undecided: isUndecided, close: isClose };

  function change(changes, isUndo = false) {
    const before = changes.map(([photo]) => [photo, photo.choice, photo.stars]);
    const real = changes.filter(([photo, choice, stars]) =>
      photo.choice !== choice || photo.stars !== stars);
    if (!real.length) return false;
    for (const [photo, choice, stars] of real) Object.assign(photo, { choice, stars });
    if (!isUndo) undoable.push(before);
    real.forEach(([photo]) => paint(photo));
    store(real.map(([photo]) => photo));
    paintAround();
    return true;
  }

  function choose(photo, choice) {
    change([[photo, choice, photo.stars]]);
    announce(`${photo.name}: ${choice || "undecided"}`);
  }

  function rate(photo, stars) {
    const given = photo.stars === stars ? null : stars;
    change([[photo, photo.choice, given]]);
    announce(`${photo.name}: ${given === null ? "no stars given" : counted(given, "star")}`);
  }

  function undo() {
    const last = undoable.pop();
    if (!last) return announce("Nothing to undo");
    change(last, true);
    paintAround();
    const [photo] = last[0];
    if (!compare.open && rows[photo.row].section && !rows[photo.row].section.hidden) goTo(photo);
    const names = last.length === 1 ? photo.name : `${last.length} photos`;
    announce(`Undone: ${names}, ${last.length === 1 ? stateOf(photo) : "as before"}`);
  }

  // ------------------------------------------------------------------------- keeping the choices

  const key = `keras-series:${data.identity}`;
  const waiting = new Map(); // Photos whose choices the server does not have yet.
  let timer = null;
  let isSending = false;

  const choicesOf = (some) => some
    .filter((photo) => photo.choice || photo.stars !== null)
    .map(({ uri, choice, stars, others }) => ({ uri, choice, stars, ...others }));

  function store(changed) {
    if (data.save) {
      changed.forEach((photo) => waiting.set(photo.index, photo));
      send();
    } else {
      clearTimeout(timer);
      timer = setTimeout(storeInBrowser, 200);
    }
  }

  function storeInBrowser() {
    clearTimeout(timer);
    if (timer === null) return;
    timer = null;
    try {
      // An earlier page at this place may have had other photos.
      const others = loadFromBrowser().filter(({ uri }) => !byUri.has(uri));
      localStorage.setItem(key, JSON.stringify([...others, ...choicesOf(photos)]));
      problem(null);
    } catch {
      problem("This browser does not keep your choices. Export them before you close the page.");
    }
  }

  function loadFromBrowser() {
    try {
      return JSON.parse(localStorage.getItem(key) || "[]");
    } catch {
      return [];
    }
  }

  async function send() {
    if (isSending || !waiting.size) return;
    isSending = true;
    const batch = [...waiting.values()].slice(0, BATCH);
    batch.forEach((photo) => waiting.delete(photo.index));
    const changes = batch.map(({ index, choice, stars }) => ({ photo: index, choice, stars }));
    let failure = null;
    try {
      const answer = await fetch(data.save, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ changes }),
      });
      if (!answer.ok) failure = `the server answers ${answer.status}`;
    } catch {
      failure = "the server does not answer";
    }
    isSending = false;
    problem(failure && `Not saved: ${failure}. Trying again.`);
    if (failure) {
      batch.forEach((photo) => waiting.set(photo.index, photo));
      setTimeout(send, 2000);
    } else {
      paintProgress();
      send();
    }
  }

  /** Takes over a list of choices. Returns how many are of photos of this page. */
  function take(choices, isUndo) {
    const changes = new Map();
    for (const { uri, choice, stars } of choices) {
      const photo = byUri.get(uri);
      const isValid = [null, "keep", "skip"].includes(choice)
        && (stars === null || (Number.isInteger(stars) && stars >= 0 && stars <= 5));
      if (photo && isValid) changes.set(photo, [photo, choice, stars]);
    }
    if (changes.size) change([...changes.values()], isUndo);
    return changes.size;
  }

  function exportChoices() {
    const choices = choicesOf(photos);
    const text = JSON.stringify({ format: FORMAT, version: VERSION, choices }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "choices.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    announce(`Exported the choices of ${counted(choices.length, "photo")}`);
  }

  async function importChoices(file) {
    let content = null;
    try {
      content = JSON.parse(await file.text());
    } catch { /* It is refused below. */ }
    if (!content || content.format !== FORMAT || content.version !== VERSION
        || !Array.isArray(content.choices)) {
      return problem(`Expected a file of exported choices. Received: ${file.name}`);
    }
    problem(null);
    const taken = take(content.choices.map((each) => ({ choice: null, stars: null, ...each })));
    const others = content.choices.length - taken;
    announce(`Imported the choices of ${counted(taken, "photo")}`
      + (others ? `; ${others} are of photos that are not on this page` : ""));
    paintProgress();
  }

  // ----------------------------------------------------------------------------------- the rows

  const main = find("#rows");
  const KINDS = { bracket: "bracket", panorama: "panorama" };

  function make(tag, name, text = "") {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  }

  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  function kindOf(row) {
    const number = row.photos.length;
    if (row.kind === "single") return number === 1 ? "single photo" : `${number} single photos`;
    if (row.kind === "series") return `series of ${number}`;
    return `${KINDS[row.kind]} of ${number}, left whole`;
  }

  function frameRow(row) {
    const section = make("section", "row");
    section.dataset.kind = row.kind;
    section.dataset.row = row.index;
    const heading = make("h2", "");
    heading.id = `row${row.index}`;
    heading.append(make("span", "name", row.name), make("span", "kind", kindOf(row)));
    heading.title = row.name;
    section.setAttribute("aria-labelledby", heading.id);
    section.append(heading);
    row.section = section;
    return section;
  }

  function build(row) {
    if (row.built) return;
    row.built = true;
    const strip = make("div", "strip");
    strip.setAttribute("role", "listbox");
    strip.setAttribute("aria-labelledby", `row${row.index}`);
    strip.setAttribute("aria-orientation", "horizontal");
    strip.setAttribute("aria-multiselectable", "true");
    strip.append(...row.photos.map(makePhoto));
    row.section.append(strip);
    row.photos.forEach(paint);
  }

  function makePhoto(photo) {
    const option = make("div", "photo");
    option.id = `photo${photo.index}`;
    option.dataset.photo = photo.index;
    option.setAttribute("role", "option");
    option.tabIndex = photo === rows[photo.row].stop ? 0 : -1;
    option.classList.toggle("suggested", Boolean(photo.keep));
    const frame = make("span", "frame");
    frame.append(makePicture(photo, frame));
    if (rows[photo.row].kind === "series" && photo.ranked) {
      frame.append(make("span", "badge", String(photo.place + 1)));
    }
    frame.append(make("span", "mark"), make("span", "given"));
    const name = make("span", "name", photo.name);
    for (const also of alsoOf(photo)) name.append(make("span", "also", ` ${also}`));
    const verdict = make("span", "verdict", verdictOf(photo));
    verdict.dataset.verdict = photo.verdict || "";
    verdict.title = photo.sure
      ? `People prefer this photo to the next one with a probability of ${percent(photo.sure)}` : "";
    option.append(frame, name, verdict);
    return option;
  }

  function makePicture(photo, frame) {
    const ratio = photo.width ? photo.width / photo.height : 1.5;
    const setRatio = (value) => {
      frame.style.aspectRatio = String(Math.min(Math.max(value, 0.45), 3.2));
    };
    setRatio(ratio);
    if (!photo.small) return make("span", "why", photo.reason || "no picture");
    const image = document.createElement("img");
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    if (photo.width) {
      image.width = photo.width;
      image.height = photo.height;
    } else {
      image.onload = () => setRatio(image.naturalWidth / image.naturalHeight);
    }
    image.onerror = () => image.replaceWith(make("span", "why", "the picture is not there"));
    image.src = photo.small;
    return image;
  }

  const percent = (probability) => `${Math.min(99, Math.round(100 * probability))}%`;
  const verdictOf = (photo) => (photo.verdict ? `${photo.verdict}, ${percent(photo.sure)}` : "");

  function alsoOf(photo) {
    const suffixes = (photo.files || []).map((name) => `+ ${name.split(".").pop().toUpperCase()}`);
    const copies = photo.copies ? [`+ ${photo.copies.length === 1 ? "a copy" : `${photo.copies.length} copies`}`] : [];
    return [...suffixes, ...copies];
  }

  function stateOf(photo) {
    const stars = photo.stars === null ? [] : [counted(photo.stars, "star")];
    return [photo.choice || "undecided", ...stars].join(", ");
  }

  function factsOf(photo) {
    const row = rows[photo.row];
    const facts = [];
    if (!photo.ranked) facts.push(`not readable: ${photo.reason}`);
    else if (row.kind === "series") facts.push(`rank ${photo.place + 1} of ${row.ranked}`);
    else if (row.kind === "single") facts.push("single photo");
    else facts.push(`${photo.place + 1} of ${row.photos.length} of a ${row.kind}`);
    if (photo.ranked && photo.reason) facts.push(photo.reason);
    if (photo.verdict) {
      facts.push(photo.verdict === "too close to call"
        ? `too close to call with the next one (${percent(photo.sure)})`
        : `${photo.verdict === "clear" ? "clearly" : "likely"} better than the next one (${percent(photo.sure)})`);
    }
    if (photo.keep) facts.push("suggested");
    if (photo.files) facts.push(`with ${photo.files.join(", ")}`);
    if (photo.copies) facts.push(`copies: ${photo.copies.join(", ")}`);
    if (photo.time) facts.push(photo.time);
    if (photo.camera) facts.push(photo.camera);
    return facts;
  }

  const elementOf = (photo) => document.getElementById(`photo${photo.index}`);

  function paint(photo) {
    const option = elementOf(photo);
    if (!option) return;
    option.dataset.choice = photo.choice || "";
    option.setAttribute("aria-selected", String(photo.choice === "keep"));
    option.classList.toggle("current", photo === current);
    const marks = { keep: "✓ Keep", skip: "✕ Skip" };
    find(".mark", option).textContent = marks[photo.choice] || (photo.keep ? "Suggested" : "");
    find(".given", option).textContent = photo.stars === null ? ""
      : photo.stars ? "★".repeat(photo.stars) : "0 ★";
    option.setAttribute("aria-label",
      [photo.name, ...factsOf(photo), `your choice: ${stateOf(photo)}`].join(", "));
  }

  // -------------------------------------------------------------------- the bars above and below

  const announcements = find("#announcements");
  const problemBox = find("#problem");

  function announce(text) {
    // The same text again is announced only if it changes.
    announcements.textContent = announcements.textContent === text ? `${text}\u00a0` : text;
  }

  function problem(text) {
    problemBox.hidden = !text;
    if (problemBox.textContent !== (text || "")) problemBox.textContent = text || "";
  }

  let isPainting = false;
  function paintAround() {
    paintChoice(document, current);
    if (compare.open) compare.paint();
    find("[data-action=undo]").disabled = !undoable.length;
    if (isPainting) return;
    isPainting = true;
    requestAnimationFrame(() => {
      isPainting = false;
      paintProgress();
    });
  }

  /** Shows the choice of a photo on the buttons of the bar, or of the comparison. */
  function paintChoice(within, photo) {
    const bar = within === document ? find("footer") : within;
    for (const name of ["keep", "skip"]) {
      find(`[data-action=${name}]`, bar).setAttribute("aria-pressed", String(photo?.choice === name));
    }
    find("[data-action=undecided]", bar).setAttribute("aria-pressed", String(Boolean(photo) && !photo.choice));
    for (const button of findAll("[data-stars]", bar)) {
      const stars = Number(button.dataset.stars);
      button.setAttribute("aria-pressed", String(photo?.stars === stars));
      button.classList.toggle("lit", stars > 0 && (photo?.stars ?? 0) >= stars);
    }
    if (within !== document) return;
    find("#current-name").textContent = photo ? photo.name : "No photos";
    find("#current-facts").textContent = photo ? factsOf(photo).join(" · ") : "";
    find("#current-facts").title = photo ? factsOf(photo).join(" · ") : "";
    const link = find("#open");
    const address = photo && (photo.full || photo.small);
    if (address) link.href = address;
    else link.removeAttribute("href");
    link.toggleAttribute("aria-disabled", !address);
  }

  function paintProgress() {
    const kept = photos.filter((photo) => photo.choice === "keep").length;
    const skipped = photos.filter((photo) => photo.choice === "skip").length;
    const saved = data.save ? (waiting.size || isSending ? " · saving" : " · saved") : "";
    find("#progress").textContent = `${kept} kept, ${skipped} skipped, `
      + `${photos.length - kept - skipped} undecided${saved}`;
    for (const button of findAll("[data-filter]")) {
      find(".number", button).textContent = rows.filter(filters[button.dataset.filter]).length;
    }
  }

  function arrange() {
    shown = rows.filter(filters[filter]);
    if (order === "size") {
      const size = (row) => (row.kind === "single" ? 1 : row.photos.length);
      shown.sort((a, b) => size(b) - size(a) || a.index - b.index);
    }
    const wanted = new Set(shown);
    rows.forEach((row) => { row.section.hidden = !wanted.has(row); });
    main.append(...shown.map((row) => row.section));
    for (const button of findAll("[data-filter]")) {
      button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
    }
    for (const button of findAll("[data-order]")) {
      button.setAttribute("aria-pressed", String(button.dataset.order === order));
    }
    const nothing = find("#nothing");
    nothing.hidden = shown.length > 0;
    nothing.textContent = rows.length ? "No rows of this kind." : "There are no photos.";
    if (current && !wanted.has(rows[current.row]) && shown.length) setCurrent(shown[0].photos[0]);
    announce(`${counted(shown.length, "row")} shown`);
    paintProgress();
  }

  // ------------------------------------------------------------------------------------- moving

  function setCurrent(photo) {
    const row = rows[photo.row];
    const former = [current, row.stop];
    current = row.stop = photo;
    build(row);
    for (const each of [...former, photo]) {
      const element = elementOf(each);
      if (!element) continue;
      element.tabIndex = each === rows[each.row].stop ? 0 : -1;
      element.classList.toggle("current", each === photo);
      rows[each.row].section.classList.toggle("current", each.row === photo.row);
    }
    paintChoice(document, photo);
  }

  function goTo(photo) {
    setCurrent(photo);
    const element = elementOf(photo);
    rows[photo.row].section.scrollIntoView({ block: "nearest" });
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function step(by) {
    const next = rows[current.row].photos[current.place + by];
    if (next) goTo(next);
    else announce(by > 0 ? "The last photo of the row" : "The first photo of the row");
  }

  function stepRow(by) {
    const row = shown[shown.indexOf(rows[current.row]) + by];
    if (row) goTo(row.photos[0]);
    else announce(by > 0 ? "The last row" : "The first row");
  }

  // ----------------------------------------------------------------------------------- comparing

  const differences = new Map(); // By the numbers of two photos, the lower one first.
  const inOrder = (one, two) => (one.index < two.index ? [one, two] : [two, one]);

  function hasDifference(one, two) {
    const [first, second] = inOrder(one, two);
    if (!first.ranked || !second.ranked) return false;
    return Boolean(data.differences || (second.index === first.index + 1 && first.difference));
  }

  /** Returns where two photos differ, with the sign 1 if positive values favour the first. */
  async function differenceOf(one, two) {
    const [first, second] = inOrder(one, two);
    const name = `${first.index}/${second.index}`;
    if (!differences.has(name)) {
      if (data.differences) announce("The network compares the photos");
      differences.set(name, data.differences
        ? fetch(`${data.differences}/${name}`).then((answer) => (answer.ok ? answer.json() : null), () => null)
        : Promise.resolve(first.difference));
    }
    const found = await differences.get(name);
    return found && { ...found, sign: first === one ? 1 : -1 };
  }

  const compare = {
    dialog: find("#compare"),
    panes: {},
    held: null,
    other: null,
    opener: null,
    zoom: null, // Screen pixels for a pixel of the photo; null shows the whole photo.
    centre: [0.5, 0.5], // As fractions of the photo.
    pointers: new Map(),
    isTinted: false,
    get open() { return this.dialog.open; },

    start(photo) {
      const row = rows[photo.row];
      this.opener = photo;
      this.isAlone = row.kind === "single" || row.photos.length === 1;
      this.held = this.isAlone ? null : photo;
      this.other = this.isAlone ? photo : row.photos[photo.place + 1] || row.photos[photo.place - 1];
      this.zoom = null;
      this.centre = [0.5, 0.5];
      find("#panes").classList.toggle("alone", this.isAlone);
      find("[data-action=swap]", this.dialog).hidden = this.isAlone;
      find("#compare-title").textContent = this.isAlone ? "One photo" : "Two photos side by side";
      this.dialog.showModal();
      find("#panes").focus();
      this.load();
    },

    load() {
      for (const side of ["held", "other"]) {
        const photo = this[side];
        if (photo) this.panes[side].load(photo);
      }
      const canDiffer = !this.isAlone && hasDifference(this.held, this.other);
      find("[data-action=difference]", this.dialog).hidden = !canDiffer;
      if (!canDiffer) this.isTinted = false;
      this.paint();
      announce(this.isAlone ? this.other.name
        : `${this.held.name} is held, ${this.other.name} beside it, ${stateOf(this.other)}`);
    },

    paint() {
      for (const side of ["held", "other"]) this.panes[side].paint(this[side]);
      paintChoice(this.dialog, this.other);
      const difference = find("[data-action=difference]", this.dialog);
      difference.setAttribute("aria-pressed", String(this.isTinted));
      find("[data-action=zoom-toggle]", this.dialog).textContent =
        this.zoom === null ? "100%" : "Whole photo";
      this.tint();
      this.place();
    },

    place() {
      for (const side of ["held", "other"]) if (this[side]) this.panes[side].place();
    },

    step(by) {
      const row = rows[this.other.row].photos;
      let place = this.other.place + by;
      if (row[place] === this.held) place += by;
      if (!row[place]) return announce(by > 0 ? "The last photo of the row" : "The first photo of the row");
      this.other = row[place];
      this.load();
    },

    swap() {
      if (this.isAlone) return;
      [this.held, this.other] = [this.other, this.held];
      this.load();
    },

    /** Zooms by a factor and keeps the point of the photo that is at the place of a pane. */
    zoomBy(factor, pane = this.panes.other, x = pane.width / 2, y = pane.height / 2) {
      const [left, top, scale] = pane.geometry();
      const before = [(x - left) / scale, (y - top) / scale];
      const limits = [pane.fit() * devicePixelRatio, 16];
      const wanted = Math.min((this.zoom ?? limits[0]) * factor, limits[1]);
      this.zoom = wanted <= limits[0] ? null : wanted;
      if (this.zoom !== null) {
        const now = this.zoom / devicePixelRatio;
        this.centre = [
          (before[0] + (pane.width / 2 - x) / now) / pane.image.naturalWidth,
          (before[1] + (pane.height / 2 - y) / now) / pane.image.naturalHeight,
        ];
      }
      this.settle(pane);
    },

    toggleZoom(pane = this.panes.other, x, y) {
      if (this.zoom !== null) {
        this.zoom = null;
        this.settle(pane);
      } else this.zoomBy(1 / (pane.fit() * devicePixelRatio), pane, x, y);
      announce(this.zoom === null ? "The whole photo" : "100%");
    },

    /** Moves by screen pixels. */
    pan(x, y, pane = this.panes.other) {
      if (this.zoom === null) return;
      const [, , scale] = pane.geometry();
      this.centre = [
        this.centre[0] - x / scale / pane.image.naturalWidth,
        this.centre[1] - y / scale / pane.image.naturalHeight,
      ];
      this.settle(pane);
    },

    /** Keeps the centre where no pane shows more emptiness than it must, and shows it. */
    settle(pane) {
      const [, , scale] = pane.geometry();
      const size = [pane.image.naturalWidth * scale, pane.image.naturalHeight * scale];
      this.centre = [pane.width, pane.height].map((room, axis) => {
        const half = Math.min(0.5, room / 2 / (size[axis] || 1));
        return Math.min(Math.max(this.centre[axis], half), 1 - half);
      });
      find("[data-action=zoom-toggle]", this.dialog).textContent =
        this.zoom === null ? "100%" : "Whole photo";
      this.place();
    },

    /** Draws where each photo is the better one (red) or the worse (blue), for the network. */
    async tint() {
      const { held, other } = this;
      for (const side of ["held", "other"]) this.panes[side].canvas.hidden = true;
      if (!this.isTinted) return;
      const found = await differenceOf(held, other);
      if (!this.isTinted || held !== this.held || other !== this.other) return;
      if (!found) return announce("The network's difference of these photos is not there");
      this.panes.held.tint(found, found.sign);
      this.panes.other.tint(found, -found.sign);
      this.place();
    },

    /** Closes at once: the dialog's own event comes after keys that follow quickly. */
    close() {
      if (!this.open) return;
      this.dialog.close();
      this.pointers.clear();
      for (const side of ["held", "other"]) this.panes[side].image.removeAttribute("src");
      goTo(this.opener);
    },
  };

  class Pane {
    constructor(figure) {
      this.figure = figure;
      this.box = find(".pane", figure);
      this.image = find("img", figure);
      this.canvas = find("canvas", figure);
      this.isSmall = false;
      this.image.addEventListener("load", () => compare.open && compare.paint());
      this.image.addEventListener("error", () => this.fall());
      this.listen();
    }

    get width() { return this.box.clientWidth; }
    get height() { return this.box.clientHeight; }

    load(photo) {
      if (this.photo === photo && this.image.hasAttribute("src")) return;
      this.photo = photo;
      this.isSmall = !photo.full;
      const source = photo.full || photo.small;
      if (source) this.image.src = source;
      else this.image.removeAttribute("src");
      this.image.alt = source ? photo.name : "";
    }

    /** Shows the thumbnail where the photo itself is not there, or the browser cannot show it. */
    fall() {
      if (!this.photo || this.isSmall || !this.photo.small) return;
      this.isSmall = true;
      this.image.src = this.photo.small;
    }

    paint(photo) {
      if (!photo) return;
      this.figure.dataset.choice = photo.choice || "";
      find(".name", this.figure).textContent = photo.name;
      const facts = [stateOf(photo), ...factsOf(photo).slice(0, 2)];
      if (this.figure.dataset.side === "held") facts.unshift("held");
      if (this.isSmall) facts.push("only the small picture is here; --serve shows every photo at full size");
      find(".facts", this.figure).textContent = facts.join(" · ");
    }

    fit() {
      const { naturalWidth: width, naturalHeight: height } = this.image;
      return width ? Math.min(this.width / width, this.height / height) : 1;
    }

    /** Returns left, top and scale of the photo in the pane, in screen units. */
    geometry() {
      const scale = compare.zoom === null ? this.fit() : compare.zoom / devicePixelRatio;
      const spots = [[this.width, this.image.naturalWidth], [this.height, this.image.naturalHeight]];
      const [left, top] = spots.map(([room, size], axis) => (
        size * scale <= room ? (room - size * scale) / 2
          : Math.min(0, Math.max(room - size * scale, room / 2 - compare.centre[axis] * size * scale))
      ));
      return [left, top, scale];
    }

    place() {
      const [left, top, scale] = this.geometry();
      const { naturalWidth: width, naturalHeight: height } = this.image;
      this.image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      // The network sees a square, inside the photo or around it.
      const square = scale * (this.covers === "pad" ? Math.max : Math.min)(width, height);
      const x = left + (scale * width - square) / 2;
      const y = top + (scale * height - square) / 2;
      this.canvas.style.transform = `translate(${x}px, ${y}px) scale(${square / this.canvas.width})`;
    }

    tint({ side, values, covers }, sign) {
      this.covers = covers;
      this.canvas.width = this.canvas.height = side;
      const context = this.canvas.getContext("2d");
      const pixels = context.createImageData(side, side);
      values.forEach((value, place) => {
        pixels.data.set(value * sign > 0 ? [255, 40, 30] : [40, 90, 255], 4 * place);
        pixels.data[4 * place + 3] = 1.8 * Math.abs(value);
      });
      context.putImageData(pixels, 0, 0);
      this.canvas.hidden = false;
    }

    listen() {
      const at = (event) => {
        const { left, top } = this.box.getBoundingClientRect();
        return [event.clientX - left, event.clientY - top];
      };
      this.box.addEventListener("wheel", (event) => {
        event.preventDefault();
        const lines = event.deltaMode === 1 ? 30 : 1;
        compare.zoomBy(Math.exp(-event.deltaY * lines * 0.002), this, ...at(event));
      }, { passive: false });
      this.box.addEventListener("dblclick", (event) => compare.toggleZoom(this, ...at(event)));
      this.box.addEventListener("pointerdown", (event) => {
        this.box.setPointerCapture(event.pointerId);
        compare.pointers.set(event.pointerId, at(event));
      });
      const end = (event) => compare.pointers.delete(event.pointerId);
      this.box.addEventListener("pointerup", end);
      this.box.addEventListener("pointercancel", end);
      this.box.addEventListener("pointermove", (event) => {
        if (compare.pointers.has(event.pointerId)) this.drag(event.pointerId, at(event));
      });
    }

    /** Moves with one finger or the mouse; two fingers zoom as well. */
    drag(id, now) {
      const before = compare.pointers.get(id);
      compare.pointers.set(id, now);
      const rest = [...compare.pointers].filter(([each]) => each !== id).map(([, point]) => point);
      if (!rest.length) return compare.pan(now[0] - before[0], now[1] - before[1], this);
      const [fixed] = rest;
      const apart = (point) => Math.hypot(point[0] - fixed[0], point[1] - fixed[1]) || 1;
      compare.zoomBy(apart(now) / apart(before), this, fixed[0], fixed[1]);
    }
  }

  for (const figure of findAll("#panes figure")) compare.panes[figure.dataset.side] = new Pane(figure);
  compare.dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    compare.close();
  });
  addEventListener("resize", () => compare.open && compare.place());

  // ------------------------------------------------------------------------- keys and buttons

  const help = find("#help");
  const THEMES = ["automatic", "light", "dark"];

  function setTheme(theme) {
    if (theme === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    find("#theme").textContent = `Theme: ${theme}`;
    try {
      localStorage.setItem("keras-series:theme", theme);
    } catch { /* It lasts as long as the page. */ }
  }

  function savedTheme() {
    try {
      const theme = localStorage.getItem("keras-series:theme");
      return THEMES.includes(theme) ? theme : "automatic";
    } catch {
      return "automatic";
    }
  }

  const target = () => (compare.open ? compare.other : current);
  const onTarget = (act) => () => { if (target()) act(target()); };
  const actions = {
    keep: onTarget((photo) => choose(photo, "keep")),
    skip: onTarget((photo) => choose(photo, "skip")),
    undecided: onTarget((photo) => choose(photo, null)),
    compare: onTarget((photo) => compare.start(photo)),
    undo,
    help: () => {
      help.showModal();
      find("form button", help).focus();
    },
    previous: () => compare.step(-1),
    next: () => compare.step(1),
    swap: () => compare.swap(),
    "zoom-in": () => compare.zoomBy(1.4),
    "zoom-out": () => compare.zoomBy(1 / 1.4),
    "zoom-toggle": () => compare.toggleZoom(),
    difference: () => { compare.isTinted = !compare.isTinted; compare.paint(); },
    close: () => compare.close(),
  };
  const choiceKeys = { p: "keep", x: "skip", u: "undecided" };
  const pageKeys = {
    ...choiceKeys,
    z: "compare",
    "?": "help",
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ArrowUp: () => stepRow(-1),
    ArrowDown: () => stepRow(1),
    Home: () => goTo(rows[current.row].photos[0]),
    End: () => goTo(rows[current.row].photos.at(-1)),
  };
  const compareKeys = {
    ...choiceKeys,
    z: "zoom-toggle",
    s: "swap",
    d: () => { if (!find("[data-action=difference]", compare.dialog).hidden) actions.difference(); },
    "+": "zoom-in",
    "=": "zoom-in",
    "-": "zoom-out",
    Escape: "close",
    ArrowLeft: "previous",
    ArrowRight: "next",
    ArrowUp: "previous",
    ArrowDown: "next",
  };
  const MOVES = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  /** Returns the name of a key: the letter of a Latin keyboard where another script is set. */
  function keyOf(event) {
    if (event.key.length !== 1 || /[a-z0-5?+=-]/i.test(event.key)) {
      return event.key.length === 1 ? event.key.toLowerCase() : event.key;
    }
    const found = /^(?:Key([A-Z])|(?:Digit|Numpad)([0-5]))$/.exec(event.code);
    return found && !event.shiftKey ? (found[1] || found[2]).toLowerCase() : event.key;
  }

  addEventListener("keydown", (event) => {
    if (help.open || event.altKey || event.target.matches("input, select, textarea")) return;
    const pressed = keyOf(event);
    if (event.ctrlKey || event.metaKey) {
      if (pressed !== "z" || event.shiftKey) return;
      event.preventDefault();
      return undo();
    }
    if (!current) return pressed === "?" && actions.help();
    if (compare.open && event.shiftKey && MOVES[pressed]) {
      event.preventDefault();
      const [x, y] = MOVES[pressed];
      const pane = compare.panes.other;
      return compare.pan(x * pane.width * 0.15, y * pane.height * 0.15);
    }
    if (/^[0-5]$/.test(pressed)) return rate(target(), Number(pressed));
    const isPhoto = Boolean(event.target.closest(".photo"));
    if (!compare.open && isPhoto && (pressed === "Enter" || pressed === " ")) {
      event.preventDefault();
      return actions.compare();
    }
    const action = (compare.open ? compareKeys : pageKeys)[pressed];
    if (!action) return;
    event.preventDefault();
    (typeof action === "string" ? actions[action] : action)();
  });

  document.addEventListener("click", (event) => {
    const photo = event.target.closest(".photo");
    if (photo) return goTo(photos[photo.dataset.photo]);
    const button = event.target.closest("button");
    if (!button || button.closest("form")) return;
    const { action, filter: chosen, order: sorted, stars } = button.dataset;
    if (action) actions[action]();
    if (stars) onTarget((each) => rate(each, Number(stars)))();
    if (chosen) { filter = chosen; arrange(); }
    if (sorted) { order = sorted; arrange(); }
  });
  main.addEventListener("dblclick", (event) => event.target.closest(".photo") && actions.compare());
  main.addEventListener("focusin", (event) => {
    const photo = event.target.closest(".photo");
    if (photo && photos[photo.dataset.photo] !== current) setCurrent(photos[photo.dataset.photo]);
  });
  find("#export").addEventListener("click", exportChoices);
  find("#import").addEventListener("click", () => find("#import-file").click());
  find("#import-file").addEventListener("change", async ({ target: input }) => {
    if (input.files.length) await importChoices(input.files[0]);
    input.value = "";
  });
  find("#theme").addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme || "automatic";
    setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
  });

  // ------------------------------------------------------------------------------------- start

  const canDiffer = Boolean(data.differences) || photos.some((photo) => photo.difference);
  findAll(".only-maps").forEach((element) => { element.hidden = !canDiffer; });
  findAll(".only-file").forEach((element) => { element.hidden = Boolean(data.save); });
  findAll(".only-server").forEach((element) => { element.hidden = !data.save; });
  setTheme(savedTheme());
  for (const { uri, choice, stars } of data.choices || loadFromBrowser()) {
    const photo = byUri.get(uri);
    if (photo) Object.assign(photo, { choice: choice ?? null, stars: stars ?? null });
  }
  main.append(...rows.map(frameRow));
  arrange();
  announcements.textContent = "";
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      build(rows[entry.target.dataset.row]);
    }
  }, { rootMargin: "1200px 0px" });
  rows.forEach((row) => watcher.observe(row.section));
  if (current) setCurrent(current);
  // The bars cover photos that are scrolled to, and wrap on narrow screens.
  const bars = { "--above": find("header"), "--below": find("footer") };
  const measurer = new ResizeObserver(() => {
    for (const [name, bar] of Object.entries(bars)) {
      document.documentElement.style.setProperty(name, `${bar.offsetHeight}px`);
    }
  });
  Object.values(bars).forEach((bar) => measurer.observe(bar));
  addEventListener("pagehide", storeInBrowser);
  addEventListener("beforeunload", (event) => { if (waiting.size || isSending) event.preventDefault(); });
  addEventListener("storage", (event) => {
    // Another window shows the same page.
    if (data.save || event.key !== key) return;
    const now = new Map(loadFromBrowser().map((each) => [each.uri, each]));
    for (const photo of photos) {
      const { choice = null, stars = null } = now.get(photo.uri) || {};
      if (photo.choice !== choice || photo.stars !== stars) Object.assign(photo, { choice, stars });
      paint(photo);
    }
    paintAround();
  });
})();
