// The codename and the reply box a second time, from the words of src/codename/FORMAT.md alone: nothing is shared with
// the Rust code but the files of the word lists, whose checksums are compared.
//
//   node codename.mjs FILE     FILE is JSON: {"lists": {NAME: {"file": …, "sha256": …}}, "codenames": …, "typed": …,
//                              "refused": …, "replies": …} with the inputs of the vectors; prints the vectors.

import { createCipheriv, createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();

const lists = new Map();
for (const [name, { file, sha256: expected }] of Object.entries(asked.lists)) {
  const bytes = readFileSync(file);
  if (sha256(bytes).toString("hex") !== expected) throw new Error(`${name} is another list`);
  lists.set(name, bytes.toString("utf8").trimEnd().split("\n"));
}

const inBytes = (number) => Buffer.from(number.toString(16).padStart(28, "0"), "hex");

function checksum(number) {
  return BigInt(sha256("sealpost-codename-v1 checksum", inBytes(number))[0] >> 4);
}

function write(number, list) {
  const bits = ((number << 4n) | checksum(number)).toString(2).padStart(110, "0");
  const words = bits.match(/.{11}/g).map((index) => lists.get(list)[parseInt(index, 2)]);
  return words.join(" ").normalize("NFC");
}

const INVISIBLE = /[\u00ad\u200c\u200d\u2060\ufeff\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;
const WORD = /[\u3400-\u4dbf\u4e00-\u9fff\u{20000}-\u{3ffff}]|(?:(?![\u3400-\u4dbf\u4e00-\u9fff\u{20000}-\u{3ffff}])\p{Alphabetic})(?:(?![\u3400-\u4dbf\u4e00-\u9fff\u{20000}-\u{3ffff}])[\p{Alphabetic}\p{M}])*/gu;

function read(typed) {
  const words = typed.replace(INVISIBLE, "").normalize("NFKD").toLowerCase().match(WORD) ?? [];
  if (words.length !== 10) return { why: `${words.length} words` };
  const all = [...lists.values()];
  const indices = words.map((word) => Math.max(...all.map((list) => list.indexOf(word))));
  const unknown = indices.flatMap((index, at) => (index < 0 ? [at + 1] : []));
  if (unknown.length > 0) return { why: `unknown [${unknown.join(", ")}]` };
  const bits = indices.reduce((bits, index) => (bits << 11n) | BigInt(index), 0n);
  const number = bits >> 4n;
  return checksum(number) === (bits & 15n) ? { number } : { why: "checksum" };
}

function hkdf(salt, ikm, info) {
  return Buffer.from(hkdfSync("sha256", ikm, salt, info, 32));
}

function derive({ english, newsroom }) {
  const { number, why } = read(english);
  if (why) throw new Error(why);
  const root = hkdf(Buffer.from(newsroom, "hex"), inBytes(number), "sealpost-codename-v1 root");
  return {
    number: inBytes(number).toString("hex"),
    checksum: Number(checksum(number)),
    newsroom,
    root: root.toString("hex"),
    mailbox_id: hkdf("", root, "sealpost-codename-v1 mailbox id").subarray(0, 16).toString("hex"),
    reply_key: hkdf("", root, "sealpost-codename-v1 reply key").toString("hex"),
    english: write(number, "english"),
    korean: write(number, "korean"),
    "chinese-simplified": write(number, "chinese_simplified"),
    "chinese-traditional": write(number, "chinese_traditional"),
    japanese: write(number, "japanese"),
  };
}

const codenames = asked.codenames.map(derive);

function seal({ codename, reply_id, nonce, text }) {
  const said = Buffer.from(text, "utf8");
  const plaintext = Buffer.alloc(4067);
  plaintext.writeUInt16BE(said.length);
  said.copy(plaintext, 2);
  const { mailbox_id, reply_key } = codenames[codename];
  const key = Buffer.from(reply_key, "hex");
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.from(nonce, "hex"));
  cipher.setAAD(Buffer.from("01" + mailbox_id + reply_id, "hex"));
  const sealed = [Buffer.from("01" + nonce, "hex"), cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  const box = Buffer.concat(sealed);
  return {
    codename,
    reply_id,
    nonce,
    text: open(box, codenames[codename], reply_id),
    box_begins: box.subarray(0, 48).toString("hex"),
    box_sha256: sha256(box).toString("hex"),
  };
}

function open(box, { mailbox_id, reply_key }, reply_id) {
  if (box.length !== 4096 || box[0] !== 1) throw new Error("no box");
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(reply_key, "hex"), box.subarray(1, 13));
  decipher.setAAD(Buffer.from("01" + mailbox_id + reply_id, "hex"));
  decipher.setAuthTag(box.subarray(4080));
  const plaintext = Buffer.concat([decipher.update(box.subarray(13, 4080)), decipher.final()]);
  const end = 2 + plaintext.readUInt16BE();
  if (end === 2 || end > 4067 || plaintext.subarray(end).some((byte) => byte !== 0)) throw new Error("not opened");
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plaintext.subarray(2, end));
}

const numbered = ({ text }) => {
  const { number, why } = read(text);
  if (why) return { text, why };
  return { text, codename: codenames.findIndex((one) => one.number === inBytes(number).toString("hex")) };
};

const vectors = {
  codenames,
  typed: asked.typed.map(numbered),
  refused: asked.refused.map(numbered),
  replies: asked.replies.map(seal),
  // boxes that the other side made
  opened: (asked.boxes ?? []).map(({ box, codename, reply_id }) => open(Buffer.from(box, "hex"), codenames[codename], reply_id)),
};
process.stdout.write(JSON.stringify(vectors));
