// What the beginning of a chosen file says, before a byte of it is sent. Only what would surely be refused is a problem.
const LOOKED_AT = 1 << 20;
const TEXT = 1 << 21;
const RECORDS = 200;
const CHROMOSOME = /^(chr)?([1-9]|1\d|2[0-2]|X|Y)$/i;
const MITOCHONDRIAL = /^(chr)?MT?$|^NC_012920/i;

async function inflate(blob, format, most) {
  const reader = blob.stream().pipeThrough(new DecompressionStream(format)).getReader();
  const parts = [];
  let size = 0;
  try {
    while (size < most) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      size += value.length;
    }
  } catch {
    // the beginning of a longer stream ends in the middle
  }
  reader.cancel().catch(() => {});
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

// BGZF is many gzip members in a row, which browsers do not read on: block by block, then
async function unpack(blob, bytes) {
  const blocked = bytes[3] & 4 && bytes[12] === 66 && bytes[13] === 67;
  if (!blocked) return inflate(blob, "gzip", TEXT);
  const parts = [];
  let size = 0;
  for (let place = 0; place + 18 < bytes.length && size < TEXT; ) {
    const length = bytes[place + 16] + 256 * bytes[place + 17] + 1;
    if (bytes[place] !== 0x1f || place + length > bytes.length) break;
    parts.push(await inflate(blob.slice(place + 18, place + length - 8), "deflate-raw", TEXT));
    size += parts.at(-1).length;
    place += length;
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function beginning(file) {
  const blob = file.slice(0, LOOKED_AT);
  let bytes = new Uint8Array(await blob.arrayBuffer());
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (packed) bytes = await unpack(blob, bytes);
  if (packed && !bytes.length) return { problem: "cannot be decompressed: it is damaged. Please compress or copy it again." };
  const bcf = bytes[0] === 66 && bytes[1] === 67 && bytes[2] === 70;
  if (bcf) bytes = bytes.slice(9, 9 + new DataView(bytes.buffer).getUint32(5, true));
  const whole = !packed && !bcf && file.size <= LOOKED_AT;
  const magic = Array.from(bytes.slice(0, 24), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { magic: bcf ? "" : magic, text: new TextDecoder().decode(bytes).replace(/\0+$/, ""), whole, bcf };
}

// what a file is instead of a VCF, in the words of the engine
function foreign(magic, text, { binaries, texts }) {
  const found = binaries.find(([start]) => magic.startsWith(start)) ?? texts.find(([pattern]) => new RegExp(`^(?:${pattern})`, "i").test(text));
  return found && `is ${found[1]}. ${found[2]}`;
}

function guess(contigs, lines, seen, hints) {
  for (const length of contigs.values()) if (hints.lengths[length]) return hints.lengths[length];
  for (const line of lines) {
    if (!/^##(reference|assembly|contig|refseq|genome|.*command.*)/i.test(line)) continue;
    for (const [pattern, name] of hints.words) if (new RegExp(pattern, "i").test(line)) return name;
  }
  const names = seen.size ? [...seen] : [...contigs.keys()];
  return names.length && names.every((name) => MITOCHONDRIAL.test(name)) ? "rCRS" : "";
}

// { problem } if it would be refused; else { said, doubt, assembly }: what it is, what to look at, the assembly that it looks like
export async function inspect(file, { limit, limitWords, hints }) {
  if (!file.size) return { problem: "is empty." };
  if (file.size > limit) {
    return { problem: `has ${file.size.toLocaleString()} bytes; your plan takes up to ${limitWords} (${limit.toLocaleString()} bytes).` };
  }
  const { problem, magic, text, whole, bcf } = await beginning(file);
  if (problem) return { problem };
  const instead = foreign(magic, text.replace(/^\uFEFF/, "").trimStart(), hints);
  if (instead) return { problem: instead };
  const lines = text.split(/\r\n|\n|\r/);
  if (!whole && !bcf) lines.pop(); // cut off
  if (!/^\uFEFF?\s*#/.test(text)) return { problem: "does not start like a VCF file, with “##fileformat=VCFv4…”." };
  const at = lines.findIndex((line) => line.startsWith("#CHROM"));
  if (at < 0) return whole || bcf ? { problem: "has no line “#CHROM POS ID REF ALT…”. Please export it again." } : { said: "" };
  const columns = lines[at].split("\t");
  if (columns.length < 8) {
    const spaces = /^#CHROM +POS/.test(lines[at]);
    return { problem: `has ${spaces ? "spaces instead of tabs" : `${columns.length} columns instead of at least 8`} in line ${at + 1}.` };
  }
  const records = lines.slice(at + 1, at + 1 + RECORDS).map((line, n) => [at + 2 + n, line]).filter(([, line]) => line && line[0] !== "#");
  const wrong = records.find(([, line]) => line.split("\t").length < 8 || !/^[^\t]+\t\d+\t/.test(line));
  const contigs = new Map(lines.slice(0, at).flatMap((line) => {
    const id = /^##contig=<.*?\bID=([^,>]+)/.exec(line), length = /\blength=(\d+)/.exec(line);
    return id ? [[id[1], length?.[1] ?? ""]] : [];
  }));
  const seen = new Set(records.map(([, line]) => line.split("\t")[0]));
  const assembly = guess(contigs, lines.slice(0, at), seen, hints);
  const samples = Math.max(0, columns.length - 9);
  return {
    said: [samples ? `${samples} sample${samples > 1 ? "s" : ""}` : "no samples", assembly && `looks like ${assembly}`].filter(Boolean).join(", "),
    doubt: wrong ? `Line ${wrong[0]} does not look like a record of a VCF; you will be asked whether to leave such lines out.` : whole && !records.length ? "It has no variants." : "",
    assembly,
    elsewhere: [...seen].some((name) => CHROMOSOME.test(name)),
    alone: hints.alone.replace("{name}", [...contigs.keys()].find((name) => MITOCHONDRIAL.test(name)) ?? "MT"),
  };
}
