// Upload straight to storage: checked before a byte is sent, with progress, then submitted.
const form = document.getElementById("upload");
const drop = document.getElementById("drop");
const chooser = document.getElementById("file");
const sending = document.getElementById("sending");
const progress = document.getElementById("progress");
const status = document.getElementById("upload-status");
const problem = document.getElementById("upload-problem");
const limit = Number(form.dataset.limit);
const SUFFIXES = /\.(vcf|bcf|vcf\.b?gz)$/i;
const MAGIC = { gzip: [0x1f, 0x8b], bcf: [0x42, 0x43, 0x46] };

async function api(method, path, body) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    headers: { "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (answer.status === 401) location.assign("/login?next=/annotate");
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

async function check(file) {
  if (!SUFFIXES.test(file.name)) return `${file.name} is not called .vcf, .vcf.gz or .bcf.`;
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > limit) {
    return `${file.name} has ${file.size.toLocaleString()} bytes; your plan takes up to ${form.dataset.limitWords} (${limit.toLocaleString()} bytes).`;
  }
  const start = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const packed = Object.values(MAGIC).some((magic) => magic.every((byte, n) => start[n] === byte));
  const text = new TextDecoder().decode(start).replace(/^\uFEFF/, "");
  if (!packed && !text.startsWith("##fileformat")) return `${file.name} does not start like a VCF file, with “##fileformat=VCFv4…”.`;
  return "";
}

function send(file, { url, fields }) {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    body.append("file", file, "input"); // its name went to us already, as data
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.addEventListener("progress", (event) => {
      progress.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0;
    });
    request.addEventListener("load", () => (request.status === 201 ? resolve() : reject(new Error("Storage refused the file. Please try again."))));
    request.addEventListener("error", () => reject(new Error("The upload was interrupted. Please check the connection and try again.")));
    request.addEventListener("abort", () => reject(new Error("You stopped the upload.")));
    document.getElementById("stop").onclick = () => request.abort();
    request.send(body);
  });
}

function busy(on) {
  drop.hidden = on;
  sending.hidden = !on;
  for (const button of document.querySelectorAll("#sample, #paste")) button.disabled = on;
  status.textContent = "";
  window.onbeforeunload = on ? (event) => event.preventDefault() : null;
}

function complain(words) {
  problem.textContent = words;
  problem.hidden = !words;
}

async function upload(file) {
  const made = await api("POST", "/jobs", { file_name: file.name.toWellFormed?.() ?? file.name });
  const address = `/jobs/${made.job.job_id}`;
  try {
    await send(file, made);
  } catch (error) {
    api("DELETE", address).catch(() => {});
    throw error;
  }
  status.textContent = "Uploaded. Starting the annotation…";
  await api("POST", `${address}/submit`);
  return made.job.job_id;
}

async function annotate(files) {
  if (!files.length) return;
  complain((await Promise.all(files.map(check))).filter(Boolean).join(" "));
  if (!problem.hidden) return;
  busy(true);
  try {
    let job;
    for (const [n, file] of files.entries()) {
      progress.value = 0;
      const which = files.length > 1 ? ` (${n + 1} of ${files.length})` : "";
      document.getElementById("sending-name").textContent = `Uploading ${file.name}${which}`;
      job = await upload(file);
    }
    busy(false);
    location.assign(files.length > 1 ? "/annotations" : `/annotations/${job}`);
  } catch (error) {
    busy(false);
    complain(error.message);
  }
}

// `m.3243A>G`, `MT 3243 A G` and lines of a VCF become a VCF
const HGVS = /^m\.(\d+)([ACGTN]+)>([ACGTN]+)$/i;
const FOUR = /^(\S+)\s+(\d+)\s+([ACGTN]+)\s+([ACGTN,*]+)$/i;

function asVcf(pasted) {
  const lines = pasted.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  if (lines[0]?.startsWith("##fileformat")) return pasted;
  const rows = lines.filter((line) => !line.startsWith("#")).map((line) => {
    const hgvs = line.match(HGVS);
    const [, contig, position, ref, alt] = hgvs ? [, "MT", ...hgvs.slice(1)] : line.match(FOUR) ?? [];
    return contig ? [contig, position, ".", ref.toUpperCase(), alt.toUpperCase(), ".", ".", "."].join("\t") : line.replace(/\s+/g, "\t");
  });
  const columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
  rows.sort((a, b) => a.split("\t")[0].localeCompare(b.split("\t")[0]) || a.split("\t")[1] - b.split("\t")[1]);
  return ["##fileformat=VCFv4.2", columns, ...rows, ""].join("\n");
}

chooser.addEventListener("change", () => {
  annotate([...chooser.files]);
  chooser.value = ""; // the same file, mended, can be chosen again
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") annotate([...event.dataTransfer.files]);
  });
}
document.getElementById("sample").addEventListener("click", async (event) => {
  const answer = await fetch(event.target.dataset.address);
  annotate([new File([await answer.blob()], "sample.vcf")]);
});
document.getElementById("paste").addEventListener("click", () => {
  const pasted = document.getElementById("pasted").value;
  if (pasted.trim()) annotate([new File([asVcf(pasted)], "pasted.vcf")]);
  else complain("Please paste at least one variant.");
});
