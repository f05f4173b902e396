// "You are the scheduler": the reader lets the threads of a recorded program run, one step at a time.
// The states come with the page, as crates/scenarios writes them. Without this script the page shows
// the functions and the shortest schedule that goes wrong.
function playScheduler(section) {
  const { threads, shared, shortest, standings, values, states } = JSON.parse(
    section.querySelector("script").textContent,
  );
  const [READY, WAITS, , ENDED] = [0, 1, 2, 3];
  const all = states.map(([at, value, ways, wrong, says]) => ({
    at: at.map((place) => standings[place]),
    values: values[value],
    ways,
    wrong,
    says,
  }));
  let path = [];
  let timer = 0;

  const make = (tag, parent, name, text) => {
    const element = parent.appendChild(document.createElement(tag));
    element.className = name;
    element.textContent = text ?? "";
    return element;
  };
  const board = section.querySelector(".threads");
  const list = make("ul", section, "shared");
  board.before(list);
  const controls = make("div", section, "controls");
  const said = make(
    "p",
    controls,
    "said",
    "Nobody has run yet. A step goes on to the next operation that others can see.",
  );
  said.setAttribute("role", "status");
  const runs = make("p", controls, "runs");
  const columns = [...board.children].map((element, number) => ({
    lines: [...element.querySelectorAll("li")],
    status: make("p", element, "status"),
    buttons: make("span", runs, ""),
    number,
  }));
  const tools = make("p", controls, "tools");
  const trail = make("p", controls, "trail");
  board.before(controls);

  const state = () => all[path.length ? path[path.length - 1].state : 0];
  const lineOf = (thread) => columns[thread].lines[state().at[thread][0]].textContent.trim();

  // What a step has changed, in words; where it is nothing, what the line names stays as it was.
  function changes(was, is, ran) {
    const words = [];
    shared.forEach((name, i) => {
      if (was.values[i] !== is.values[i]) words.push(`${name} is ${is.values[i]}`);
    });
    threads.forEach((name, i) => {
      const [then, now] = [was.at[i], is.at[i]];
      const known = JSON.stringify(then[4]);
      for (const local of now[4]) {
        if (!known.includes(JSON.stringify(local)))
          words.push(`${name}'s ${local[0]} is ${local[1]}`);
      }
      for (const lock of now[3])
        if (!then[3].includes(lock)) words.push(`${name} holds ${shared[lock]}`);
      for (const lock of then[3])
        if (!now[3].includes(lock)) words.push(`${name} lets go of ${shared[lock]}`);
    });
    const waits = threads.some((_, i) => was.at[i][1] !== WAITS && is.at[i][1] === WAITS);
    shared.forEach((name, i) => {
      if (!words.length && !waits && is.values[i] !== null && ran.includes(name)) {
        words.push(`${name} is still ${is.values[i]}`);
      }
    });
    threads.forEach((name, i) => {
      const [then, now] = [was.at[i], is.at[i]];
      if (then[1] !== now[1] && now[1] !== READY) words.push(`${name} ${doing(now)}`);
    });
    return words.length ? `Now ${words.join("; ")}.` : "Nothing else changes.";
  }

  // How far a step goes that runs more than its line.
  function reaches(was, is, thread) {
    const [from, to] = [was.at[thread], is.at[thread]].map(([line]) => line);
    return is.at[thread][1] === READY && to !== from + 1 ? ` up to line ${to + 1}.` : "";
  }

  function doing([, status, waits]) {
    if (status === WAITS) return `waits for ${shared[waits]}`;
    return ["may run", "", "is woken", "has ended", "has panicked"][status];
  }

  function draw() {
    const now = state();
    columns.forEach(({ lines, status, buttons, number }) => {
      const standing = now.at[number];
      const [line, kind, , held, locals] = standing;
      lines.forEach((item, i) => {
        const here = i === line && kind < ENDED;
        item.classList.toggle("here", here);
        if (here) item.setAttribute("aria-current", "step");
        else item.removeAttribute("aria-current");
      });
      const words = [doing(standing), ...held.map((lock) => `holds ${shared[lock]}`)];
      status.textContent = words
        .concat(locals.map(([name, value]) => `${name} = ${value}`))
        .join(" · ");
      const mine = now.ways.map((way, i) => ({ way, i })).filter(({ way }) => way[0] === number);
      const wanted = Math.max(mine.length, 1);
      while (buttons.children.length > wanted) {
        if (document.activeElement === buttons.lastChild) buttons.firstChild.focus();
        buttons.lastChild.remove();
      }
      while (buttons.children.length < wanted) make("button", buttons, "").type = "button";
      [...buttons.children].forEach((button, i) => {
        const wakes = mine[i]?.way.length > 2 ? `, wakes ${threads[mine[i].way[2]]}` : "";
        button.textContent = `Run ${threads[number]}${wakes}`;
        // A button that cannot be pressed now keeps the keyboard's place.
        button.setAttribute("aria-disabled", String(!mine[i]));
        button.onclick = () => mine[i] && (stop(), run(mine[i].i));
      });
    });
    list.replaceChildren();
    shared.forEach((name, i) => {
      const holder = threads.find((_, number) => now.at[number][3].includes(i));
      const waiting = threads.filter(
        (_, number) => now.at[number][1] === WAITS && now.at[number][2] === i,
      );
      const words = [now.values[i] === null ? name : `${name} = ${now.values[i]}`];
      if (holder) words.push(`held by ${holder}`);
      if (waiting.length) words.push(`${waiting.join(", ")} waiting`);
      make("li", list, "", words.join(" · "));
    });
    undo.setAttribute("aria-disabled", String(!path.length));
    again.setAttribute("aria-disabled", String(!path.length));
    const switches = path.filter((step, i) => i && step.thread !== path[i - 1].thread).length;
    trail.textContent = path.length
      ? `So far: ${path.map((step) => threads[step.thread]).join(" ")} (${switches} ${switches === 1 ? "switch" : "switches"})`
      : "";
    section.dataset.end = now.says ? (now.wrong ? "wrong" : "well") : "";
  }

  // Tells of a line, to everybody and to screen readers.
  function tell(who, line, rest) {
    said.textContent = who;
    make("span", said, "line", line);
    said.append(rest);
  }

  function run(way) {
    const was = state();
    const [thread, next] = was.ways[way];
    const line = lineOf(thread);
    path.push({ thread, state: next });
    draw();
    const { wrong, says } = state();
    const outcome = says ? ` ${wrong ? "It went wrong" : "It went well"}: ${says}.` : "";
    tell(
      `${threads[thread]} runs `,
      line,
      `${reaches(was, state(), thread)} ${changes(was, state(), line)}${outcome}`,
    );
  }

  function stop() {
    clearTimeout(timer);
  }

  const every = section.querySelector("p.every, .every summary").textContent;
  // Plays the schedule that goes wrong with the fewest switches. Its table stays, for who is slower.
  function playEvery() {
    stop();
    section.classList.add("asked");
    path = [];
    draw();
    said.textContent = every + (shortest ? " Here it comes." : "");
    const rest = [...(shortest ?? [])];
    const next = () => {
      if (!rest.length) return;
      run(rest.shift());
      timer = setTimeout(next, 1500);
    };
    if (rest.length) timer = setTimeout(next, 2500);
  }

  const tool = (text, action) => {
    const button = make("button", tools, "", text);
    button.type = "button";
    button.onclick = action;
    return button;
  };
  const undo = tool("Undo", () => {
    stop();
    const undone = path.pop();
    if (!undone) return;
    draw();
    tell(`Undone: ${threads[undone.thread]} has not yet run `, lineOf(undone.thread), "");
  });
  const again = tool("Begin again", () => {
    stop();
    if (!path.length) return;
    path = [];
    draw();
    said.textContent = "Nobody has run yet.";
  });
  tool("Every schedule", playEvery);
  section.classList.add("live");
  draw();
}
document.querySelectorAll("section.scheduler").forEach(playScheduler);
