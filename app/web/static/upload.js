// Upload straight to storage: files are looked at first, then sent two at a time, each with its progress, then submitted.
const { inspect } = await import(document.querySelector('link[rel="modulepreload"][href$="/vcf.js"]').href);
const form = document.getElementById("upload");
const drop = document.getElementById("drop");
const chooser = document.getElementById("file");
const list = document.getElementById("files");
const go = document.getElementById("go");
const settings = document.getElementById("settings");
const status = document.getElementById("upload-status");
const problem = document.getElementById("upload-problem");
const known = { limit: Number(form.dataset.limit), limitWords: form.dataset.limitWords, hints: JSON.parse(form.dataset.hints) };
const offered = JSON.parse(form.dataset.offered);
const refusals = JSON.parse(form.dataset.refusals).map(([pattern, meaning]) => [new RegExp(pattern), meaning]);
const AT_ONCE = 2;
const rows = new Set();
let together = {}; // the batch, of files that are sent together

class SignedOut extends Error {}

function send(method, path, body, headers) {
  return fetch(`/api/v1${path}`, {
    method,
    headers: { "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content, "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
}

// signed out and in again in another tab, this page has the token of a session that is over
async function renewed() {
  const answer = await fetch(location.pathname, { redirect: "manual" });
  if (!answer.ok) throw new SignedOut("You are signed out. What you chose stays here.");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector('meta[name="csrf"]').content = page.querySelector('meta[name="csrf"]').content;
}

async function api(method, path, body, headers) {
  let answer = await send(method, path, body, headers);
  if ([401, 403].includes(answer.status)) {
    await renewed();
    answer = await send(method, path, body, headers);
  }
  if (answer.status === 204) return null;
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

function size(bytes) {
  const unit = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** unit).toLocaleString(undefined, { maximumSignificantDigits: 3 })} ${["B", "kB", "MB", "GB"][unit]}`;
}

class Row {
  constructor(file) {
    this.file = file;
    this.state = "checking";
    this.key = crypto.randomUUID?.() ?? String(Math.random());
    const part = document.getElementById("file-row").content.cloneNode(true).firstElementChild;
    [this.part, this.name, this.said, this.bar, this.button] =
      [part, ...["input", ".said", "progress", "button"].map((one) => part.querySelector(one))];
    this.name.value = file.name.toWellFormed?.() ?? file.name;
    for (const one of [this.name, this.bar]) one.setAttribute("aria-label", `${one === this.bar ? "Upload of" : "Name of the annotation of"} ${file.name}`);
    this.button.addEventListener("click", () => this.leave());
    list.append(part);
    rows.add(this);
  }

  show(state, words, link = "") {
    this.state = state;
    this.part.dataset.state = state;
    this.said.textContent = words;
    if (link) {
      const there = Object.assign(document.createElement("a"), { href: link, textContent: "See it" });
      this.said.append(" ", there);
    }
    this.bar.hidden = state !== "sending";
    this.name.disabled = !["ready", "failed", "wrong"].includes(state);
    this.button.textContent = state === "sending" ? "Stop" : "Remove";
    this.button.setAttribute("aria-label", `${this.button.textContent} ${this.file.name}`);
    this.button.hidden = ["starting", "done"].includes(state);
    refresh();
  }

  async check() {
    const found = await inspect(this.file, known).catch(() => ({ problem: "cannot be read. Was it moved or changed?" }));
    if (found.problem) return this.show("wrong", `${this.file.name} ${found.problem}`);
    const there = found.assembly && offered[found.assembly];
    if (found.assembly && !there && found.elsewhere) {
      const here = Object.values(offered).filter(Boolean);
      const way = here.length === 1 && here[0] === "rCRS" ? ` ${found.alone}` : "";
      return this.show("wrong", `${this.file.name} looks like ${found.assembly}; this service has ${here.join(", ") || "another assembly"}.${way}`);
    }
    this.show("ready", [size(this.file.size), found.said].filter(Boolean).join(", ") + (found.doubt ? `. ${found.doubt}` : ""));
    this.part.classList.toggle("doubt", Boolean(found.doubt));
  }

  leave() {
    if (this.state === "sending") return this.request?.abort();
    rows.delete(this);
    this.part.remove();
    refresh();
    (go.disabled || settings.hidden ? chooser : go).focus();
  }

  send({ url, fields }) {
    return new Promise((resolve, reject) => {
      const body = new FormData();
      for (const [name, value] of Object.entries(fields)) body.append(name, value);
      body.append("file", this.file, "input"); // its name went to us already, as data
      const request = (this.request = new XMLHttpRequest());
      request.open("POST", url);
      request.upload.addEventListener("progress", (event) => {
        this.bar.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0;
      });
      request.addEventListener("load", () => {
        if (request.status === 201) return resolve();
        const [, meaning] = refusals.find(([pattern]) => pattern.test(request.responseText));
        reject(new Error(`${meaning} Please try again.`));
      });
      request.addEventListener("error", () => reject(new Error("The upload was interrupted. Please check the connection and try again.")));
      request.addEventListener("abort", () => reject(new Error("You stopped the upload.")));
      request.send(body);
    });
  }

  async annotate() {
    this.bar.value = 0;
    this.show("sending", `Uploading ${size(this.file.size)}…`);
    let address = "";
    try {
      const wanted = { file_name: this.name.value.trim() || this.file.name, assembly: document.getElementById("assembly")?.value ?? "", ...together };
      // an answer that got lost makes no second job
      const made = await api("POST", "/jobs", wanted, { "Idempotency-Key": this.key });
      address = `/jobs/${made.job.job_id}`;
      await this.send(made);
      this.show("starting", "Uploaded. Starting the annotation…");
      await api("POST", `${address}/submit`);
      this.page = `/annotations/${made.job.job_id}`;
      this.show("done", "Being annotated.", this.page);
    } catch (error) {
      if (this.state === "sending" && address) {
        api("DELETE", address).catch(() => {});
        this.key += "'";
      }
      this.show("failed", error.message);
      if (error instanceof SignedOut) complain(error);
    }
  }
}

function refresh() {
  const all = [...rows], ready = all.filter(({ state }) => ["ready", "failed"].includes(state));
  const busy = all.some(({ state }) => ["sending", "starting"].includes(state));
  const wrong = all.filter(({ state }) => state === "wrong").length;
  list.hidden = settings.hidden = !all.length;
  go.disabled = busy || !ready.length;
  go.textContent = busy ? "Uploading…" : ready.length > 1 ? `Annotate ${ready.length} files` : ready.some(({ state }) => state === "failed") ? "Try again" : "Annotate";
  status.textContent = wrong ? `${wrong} of ${all.length} cannot be annotated.` : "";
  window.onbeforeunload = busy ? (event) => event.preventDefault() : null;
}

async function annotate() {
  complain("");
  const waiting = [...rows].filter(({ state }) => ["ready", "failed"].includes(state));
  if (waiting.length > 1 && !together.batch) {
    try {
      together = { batch: (await api("POST", "/batches")).batch_id, batch_files: waiting.length };
    } catch (error) {
      return complain(error);
    }
  }
  const line = waiting.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const row of line) await row.annotate();
  }));
  if ([...rows].some(({ state }) => state !== "done")) return;
  location.assign(rows.size > 1 ? (together.batch ? `/batches/${together.batch}` : "/annotations") : [...rows][0].page);
}

async function add(files) {
  complain("");
  await Promise.all(files.map((file) => new Row(file).check()));
  if (!go.disabled) go.focus();
}

// what was chosen would be gone with this page: whoever is signed out signs in beside it
function complain(error) {
  problem.textContent = error.message ?? error;
  problem.hidden = !problem.textContent;
  if (!(error instanceof SignedOut)) return;
  const link = Object.assign(document.createElement("a"), { href: "/login?next=/annotations", target: "_blank", textContent: "Sign in in a new tab" });
  problem.append(" ", link, ", then come back and try again.");
}

chooser.addEventListener("change", () => {
  add([...chooser.files]);
  chooser.value = ""; // the same file, mended, can be chosen again
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") add([...event.dataTransfer.files]);
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  annotate();
});
document.getElementById("sample").addEventListener("click", async (event) => {
  const answer = await fetch(event.target.dataset.address);
  await add([new File([await answer.blob()], "sample.vcf")]);
  annotate();
});
document.getElementById("paste").addEventListener("click", async () => {
  const pasted = document.getElementById("pasted").value;
  try {
    if (!pasted.trim()) throw new Error("Please paste at least one variant.");
    let vcf = pasted;
    if (!pasted.startsWith("##fileformat")) {
      const found = await api("POST", "/variants", { text: pasted, assembly: document.getElementById("assembly")?.value ?? "" });
      // what is not understood is marked by its line, and nothing is sent until it is mended
      if (found.faults.length) throw new Error(found.faults.slice(0, 10).map(({ line, reason }) => `Line ${line}: ${reason}`).join("\n"));
      vcf = found.vcf;
    }
    await add([new File([vcf], "pasted.vcf")]);
    annotate();
  } catch (error) {
    complain(error);
  }
});
