// Runs what a page shows on the reader's machine, where `cargo book` serves the page, and compares
// what the reader predicted with what came out. What is kept is kept by this browser alone.
(() => {
  // The page with all chapters is for printing.
  if (/print\.html$/.test(location.pathname)) {
    return;
  }
  // Only a page that comes from the local server has one.
  const token = document.querySelector('meta[name="book-token"]')?.content;

  function make(tag, properties = {}, ...children) {
    const { role, ...others } = properties;
    const element = Object.assign(document.createElement(tag), others);
    if (role) {
      element.setAttribute("role", role);
    }
    element.append(...children);
    return element;
  }

  function shown(value, unit = "") {
    if (typeof value === "number") {
      const figure = Number.isInteger(value) ? value : Number(value.toPrecision(3));
      return `${figure.toLocaleString("en")} ${unit}`.trim();
    }
    return value === true ? "yes" : value === false ? "no" : `${value ?? "not recorded"}`;
  }

  function table(heads, rows) {
    const cells = (tag, texts) => texts.map((text) => make(tag, { textContent: text }));
    const body = rows.map(({ texts, differs }) =>
      make("tr", { className: differs ? "differs" : "" }, ...cells("td", texts)));
    const head = make("thead", {}, make("tr", {}, ...cells("th", heads)));
    return make("div", { className: "run-found" }, make("table", {}, head, make("tbody", {}, ...body)));
  }

  // ---- Running ----

  const boxes = new Map();
  const listeners = [];
  let running = null;

  class Box {
    constructor(element) {
      this.runs = element.dataset.runs;
      this.isBreak = this.runs.startsWith("break/");
      this.label = this.isBreak ? "Run this break here" : "Run here";
      this.name = this.runs.split("/")[2];
      this.button = make("button", { type: "button", textContent: this.label });
      this.button.setAttribute("aria-label", `${this.label}: ${this.name}`);
      this.button.addEventListener("click", () => (this.controller ? this.stop() : this.run()));
      // Every step of a build would be read out; only its stages are.
      this.progress = make("span", { className: "run-progress" });
      this.status = make("p", { role: "status" });
      // What a break's block shows is a command.
      this.recorded = this.isBreak ? null : element.querySelector("pre > code");
      this.panes = make("div", { className: "run-panes", hidden: true });
      this.here = make("code", { className: "hljs" });
      this.found = make("div", { hidden: true });
      const bar = make("div", { className: "run-bar" }, this.button, this.status, this.progress);
      element.append(this.panes, bar, this.found);
      this.element = element;
    }

    open() {
      if (this.panes.hidden) {
        const title = (textContent) => make("p", { className: "run-title", textContent });
        const here = make("div", {}, title("Here, now"), make("pre", {}, this.here));
        if (this.recorded) {
          const there = make("div", {}, title("As recorded"));
          this.panes.append(there);
          this.panes.classList.add("two");
          there.append(this.recorded.parentElement);
          this.lines = this.recorded.textContent.replace(/\n$/, "").split("\n");
        }
        this.panes.append(here);
        this.panes.hidden = false;
      }
      if (this.recorded) {
        this.recorded.replaceChildren(...this.lines.map((text) => this.line(text)));
      }
      this.here.replaceChildren();
      this.found.hidden = true;
      this.found.replaceChildren();
      for (let parent = this.element; parent; parent = parent.parentElement) {
        if (parent.tagName === "DETAILS") {
          parent.open = true;
        }
      }
    }

    line(text, className = "") {
      return make("span", { textContent: text, className });
    }

    says(text) {
      this.status.textContent = text;
      this.builds = "";
      this.tick();
    }

    // What is built just now, and for how long all this takes.
    tick() {
      const seconds = Math.floor((Date.now() - this.begun) / 1000);
      const time = this.controller && seconds > 1 ? `${seconds} s` : "";
      this.progress.textContent = this.controller ? `${this.builds} ${time}`.trim() : "";
    }

    stop() {
      this.stopped = true;
      this.controller.abort();
    }

    async run() {
      if (running) {
        return;
      }
      running = this;
      this.controller = new AbortController();
      this.stopped = false;
      this.begun = Date.now();
      const clock = setInterval(() => this.tick(), 1000);
      this.button.textContent = "Stop";
      this.button.setAttribute("aria-label", `Stop: ${this.name}`);
      for (const box of boxes.values()) {
        box.button.disabled = box !== this;
      }
      listeners.forEach((listener) => listener());
      this.open();
      this.says("It is built, if need be.");
      try {
        await this.listen();
      } catch {
        this.says(this.stopped ? "You have stopped it." : "The server is gone: start cargo book again, then load the page again.");
      }
      this.controller = null;
      running = null;
      clearInterval(clock);
      this.tick();
      this.button.textContent = this.label;
      this.button.setAttribute("aria-label", `${this.label}: ${this.name}`);
      boxes.forEach((box) => (box.button.disabled = false));
      listeners.forEach((listener) => listener());
      window.dispatchEvent(new Event("resize"));
    }

    async listen() {
      const answer = await fetch(`/${this.runs}`, {
        method: "POST",
        headers: { "X-Book-Token": token },
        cache: "no-store",
        credentials: "omit",
        signal: this.controller.signal,
      });
      if (!answer.ok) {
        this.says(await answer.text());
        return;
      }
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let begun = "";
      let ended = false;
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (begun + part.value).split("\n");
        begun = lines.pop();
        for (const line of lines) {
          const event = JSON.parse(line);
          ended ||= "end" in event;
          this.hear(event);
        }
      }
      if (!ended) {
        throw new Error("no end");
      }
    }

    hear({ builds, runs, line, warns, end }) {
      if (builds !== undefined) {
        this.builds = builds && `Builds: ${builds}`;
        this.tick();
      } else if (runs) {
        this.says(this.isBreak ? "The break is built in a copy, and run." : "It runs.");
      } else if (line !== undefined) {
        this.here.append(this.line(line, this.isBreak ? side(line) : ""));
      } else if (warns !== undefined) {
        this.here.append(this.line(warns, "warned"));
      } else if (end) {
        this.end(end);
      }
      this.here.scrollTop = this.here.scrollHeight;
    }

    end({ ended, says, differs, facts = [], claims = [] }) {
      // The lines of a story stand before its verdicts, and what was warned of in between.
      const story = [...this.here.children].filter((line) => line.className !== "warned");
      while (story.at(-1)?.textContent === "") {
        story.pop().remove();
      }
      const recorded = this.recorded ? [...this.recorded.children] : [];
      differs?.here.forEach((at) => story[at]?.classList.add("differs"));
      differs?.recorded.forEach((at) => recorded[at]?.classList.add("differs"));
      this.says(says);
      for (const { claim, verdict, because } of claims ?? []) {
        const words = make("strong", { textContent: verdict });
        this.found.append(make("p", {}, `“${claim}” Here: `, words, `: ${because}`));
      }
      if (facts.length > 0) {
        const known = facts.some(({ recorded }) => recorded !== null);
        const rows = facts.map(({ name, unit, recorded, here }) => ({
          texts: [name, ...(known ? [shown(recorded, unit)] : []), shown(here, unit)],
          differs: typeof here !== "number" && recorded !== null && here !== recorded,
        }));
        const summary = make("summary", { textContent: `The facts: ${facts.length}` });
        const heads = ["fact", ...(known ? ["the book's machine"] : []), "your machine"];
        this.found.append(make("details", {}, summary, table(heads, rows)));
      }
      this.found.hidden = this.found.childElementCount === 0;
      if (ended && facts.length > 0) {
        const found = new Map(facts.map(({ name, here }) => [name, here]));
        predictions.filter((one) => one.data.runs === this.runs).forEach((one) => one.ran(found));
      }
    }
  }

  // What goes and what comes in the lines that tell of a break.
  function side(line) {
    if (line.startsWith("- before   + with")) {
      return "";
    }
    return /^( {2})?-/.test(line) ? "goes" : /^( {2})?\+/.test(line) ? "comes" : "";
  }

  // ---- Predictions ----

  const PREFIX = "book-prediction:";
  const memory = new Map();

  function stored(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return memory.get(key) ?? null;
    }
  }

  function store(key, value) {
    memory.set(key, value);
    try {
      value === null ? localStorage.removeItem(key) : localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // A browser that keeps nothing has what this page holds.
    }
  }

  function isTrueOf([comparison, bound, end], fact) {
    switch (comparison) {
      case "<": return fact < bound;
      case "<=": return fact <= bound;
      case ">": return fact > bound;
      case ">=": return fact >= bound;
      case "..": return bound <= fact && fact < end;
      default: return fact === bound;
    }
  }

  class Prediction {
    constructor(element, index) {
      this.data = JSON.parse(element.dataset.prediction);
      this.key = `${PREFIX}${this.data.runs} ${this.data.facts.join("; ")}`;
      this.list = element.querySelector("ul");
      this.labels = [...(this.list?.children ?? [])].map((item) => item.textContent.trim());
      this.question = element.querySelector("p");
      this.question.id ||= `prediction-${index}`;
      this.form = make("form", { noValidate: true });
      this.form.setAttribute("aria-labelledby", this.question.id);
      this.fields = make("span", { className: "fields" });
      this.keep = make("button", { type: "submit", textContent: "Predict" });
      this.result = make("div", { hidden: true });
      this.status = make("p", { role: "status" });
      // The arrow keys are for what is chosen here, and not for the next chapter.
      this.form.addEventListener("keydown", (event) => event.stopPropagation());
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.predict();
      });
      const field = { number: this.number, choice: this.choice, order: this.order };
      this.form.append(field[this.data.kind].call(this, index), this.keep);
      // The list stays for print.
      this.list?.classList.add("asked");
      element.append(this.form, this.status, this.result);
      this.show(stored(this.key), false);
    }

    number() {
      this.input = make("input", { type: "number", step: "any", inputMode: "decimal", required: true });
      this.input.setAttribute("aria-labelledby", this.question.id);
      return make("label", {}, this.input, ` ${this.data.unit}`);
    }

    choice(index) {
      const options = this.labels.map((label, at) => {
        const input = make("input", { type: "radio", name: `choice-${index}`, value: at });
        return make("label", {}, input, ` ${label}`);
      });
      const field = make("fieldset", { role: "radiogroup" }, ...options);
      field.setAttribute("aria-labelledby", this.question.id);
      this.field = field;
      return field;
    }

    order() {
      this.places = this.labels.map((_, at) => at);
      this.field = make("ol");
      this.field.setAttribute("aria-labelledby", this.question.id);
      this.place();
      return make("fieldset", {}, this.field);
    }

    place() {
      const items = this.places.map((item, place) => {
        const move = (by, sign, word) => {
          const button = make("button", { type: "button", textContent: sign });
          button.setAttribute("aria-label", `${word}: ${this.labels[item]}`);
          button.disabled = !(place + by in this.places);
          button.addEventListener("click", () => {
            this.places.splice(place + by, 0, ...this.places.splice(place, 1));
            this.place();
            this.status.textContent = `${this.labels[item]}: now ${place + by + 1} of ${this.places.length}.`;
            const buttons = [...this.field.children[place + by].querySelectorAll("button")];
            const same = buttons[by < 0 ? 0 : 1];
            (same.disabled ? buttons.find((one) => !one.disabled) : same).focus();
          });
          return button;
        };
        const label = make("span", { textContent: `${place + 1}. ${this.labels[item]}` });
        return make("li", { className: "placed" }, label, move(-1, "↑", "Earlier"), move(1, "↓", "Later"));
      });
      this.field.replaceChildren(...items);
    }

    guess() {
      switch (this.data.kind) {
        case "number": return this.input.value === "" ? null : Number(this.input.value);
        case "choice": {
          const chosen = this.field.querySelector(":checked");
          return chosen && Number(chosen.value);
        }
        default: return [...this.places];
      }
    }

    predict() {
      const guess = this.guess();
      if (guess === null || Number.isNaN(guess)) {
        this.status.textContent = this.data.kind === "number" ? "A number is needed." : "Choose one.";
        return;
      }
      this.show({ guess, here: null, compared: !token }, true);
      this.result.querySelector("button:not(:disabled)")?.focus();
    }

    // An experiment has run here: what it found is what the prediction is judged by.
    ran(found) {
      const here = this.data.facts.map((fact) => found.get(fact) ?? null);
      if (this.state && !here.includes(null)) {
        this.show({ ...this.state, here, compared: true }, true);
      }
    }

    holds(guess, facts) {
      switch (this.data.kind) {
        case "number": {
          const [small, large] = [guess, facts[0]].sort((a, b) => a - b);
          return small === large || (small > 0 && large / small <= this.data.within);
        }
        case "choice": return isTrueOf(this.data.options[guess], facts[0]);
        default: return guess.every((item, at) => at === 0 || facts[guess[at - 1]] <= facts[item]);
      }
    }

    // What the facts say, in the words of the question.
    answer(facts) {
      switch (this.data.kind) {
        case "number": return shown(facts[0], this.data.unit);
        case "choice": {
          const at = this.data.options.findIndex((option) => isTrueOf(option, facts[0]));
          const figure = typeof facts[0] === "number" ? ` (${shown(facts[0], this.data.unit)})` : "";
          return `${this.labels[at] ?? "none of them"}${figure}`;
        }
        default: {
          const order = facts.map((_, at) => at).sort((a, b) => facts[a] - facts[b]);
          return order.map((at) => `${this.labels[at]} (${shown(facts[at], this.data.unit)})`).join("; ");
        }
      }
    }

    guessed() {
      const { guess } = this.state;
      switch (this.data.kind) {
        case "number": return shown(guess, this.data.unit);
        case "choice": return this.labels[guess];
        default: return guess.map((at) => this.labels[at]).join("; ");
      }
    }

    show(state, says) {
      this.state = state;
      this.form.hidden = state !== null;
      this.result.hidden = state === null;
      this.result.replaceChildren();
      if (state !== null) {
        const facts = state.here ?? this.data.recorded;
        state.held = state.compared ? this.holds(state.guess, facts) : null;
        this.tell(state);
      }
      if (says) {
        store(this.key, state);
        count();
      }
      const place = state?.here ? "on your machine" : "on the book's machine";
      const outcome = { true: `Your prediction held ${place}.`, false: `Your prediction did not hold ${place}.` };
      this.status.textContent = state === null ? "" : outcome[state.held] ?? "Your prediction is kept.";
    }

    tell(state) {
      const rows = [["your prediction", this.guessed()]];
      if (state.compared) {
        rows.push(["the book's machine", this.answer(this.data.recorded)]);
      }
      if (state.here) {
        rows.push(["your machine", this.answer(state.here)]);
      }
      this.result.append(table(["", ""], rows.map((texts) => ({ texts }))));
      this.result.querySelector("thead").remove();
      const buttons = make("div", { className: "run-bar" });
      const button = (text, press) => {
        const it = make("button", { type: "button", textContent: text });
        it.addEventListener("click", press);
        buttons.append(it);
        return it;
      };
      const box = boxes.get(this.data.runs);
      if (box) {
        this.runButton = button("Run it here", () => {
          box.run();
          box.element.scrollIntoView({ block: "nearest" });
          box.button.focus();
        });
        this.runButton.disabled = running !== null;
      }
      if (!state.compared) {
        button("Compare with the recorded run", () => {
          this.show({ ...this.state, compared: true }, true);
          this.result.querySelector("button")?.focus();
        });
      }
      button("Predict again", () => {
        this.show(null, true);
        this.form.querySelector("input, button:not(:disabled)").focus();
      });
      this.result.append(buttons);
    }
  }

  // How many predictions held, on this page and in the whole book.
  function count() {
    const of = (states) => {
      const compared = states.filter((state) => state && typeof state.held === "boolean");
      return [compared.filter((state) => state.held).length, compared.length];
    };
    let all = predictions.map((one) => one.state);
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
      all = keys.map(stored);
    } catch {
      // As above.
    }
    const [held, compared] = of(predictions.map((one) => one.state));
    const [heldInAll, comparedInAll] = of(all);
    heldLine.hidden = compared === 0;
    heldLine.textContent =
      `On this page ${held} of ${compared} predictions held; in the whole book, ${heldInAll} of ${comparedInAll}.`;
  }

  if (token) {
    for (const element of document.querySelectorAll(".runnable")) {
      const box = new Box(element);
      boxes.set(box.runs, box);
    }
    window.addEventListener("pagehide", () => running?.stop());
  }
  const predictions = [];
  const heldLine = make("p", { className: "predictions-held", hidden: true });
  document.querySelectorAll(".prediction").forEach((element, index) => {
    predictions.push(new Prediction(element, index));
  });
  listeners.push(() => {
    for (const one of predictions) {
      if (one.runButton) {
        one.runButton.disabled = running !== null;
      }
    }
  });
  if (predictions.length > 0) {
    [...document.querySelectorAll(".prediction")].at(-1).after(heldLine);
    count();
  }
})();
