// What the tests ask of age's JavaScript implementation (npm age-encryption) and of its test
// vectors (npm cctv-age).
//
//   node age.mjs PACKAGES jobs FILE      does each job of a JSON list:
//     {"do": "open", "identity": …, "from": FILE, "to": FILE, "armored": BOOL}
//     {"do": "seal", "recipients": [ … ], "from": FILE, "to": FILE}
//     {"do": "recipient", "identity": …, "to": FILE}
//   node age.mjs PACKAGES vectors DIR    writes each vector's header and age file into DIR

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inflateSync } from "node:zlib";

const [packages, command, target] = process.argv.slice(2);

async function load(name) {
  const found = createRequire(join(packages, "from-here.js")).resolve(name);
  return import(pathToFileURL(found));
}

async function jobs(list) {
  const age = await load("age-encryption");
  for (const job of list) {
    if (job.do === "recipient") {
      writeFileSync(job.to, await age.identityToRecipient(job.identity));
    } else if (job.do === "seal") {
      const encrypter = new age.Encrypter();
      job.recipients.forEach((recipient) => encrypter.addRecipient(recipient));
      writeFileSync(job.to, await encrypter.encrypt(readFileSync(job.from)));
    } else if (job.do === "open") {
      const decrypter = new age.Decrypter();
      decrypter.addIdentity(job.identity);
      const file = readFileSync(job.from);
      const sealed = job.armored ? age.armor.decode(file.toString("ascii")) : file;
      writeFileSync(job.to, await decrypter.decrypt(sealed));
    } else {
      throw new Error(`no such job: ${job.do}`);
    }
  }
}

async function vectors(dir) {
  for (const [name, bytes] of Object.entries(await load("cctv-age"))) {
    const file = Buffer.from(bytes);
    const end = file.indexOf("\n\n");
    const header = file.subarray(0, end).toString("latin1");
    const body = file.subarray(end + 2);
    const age = /^compressed: zlib$/m.test(header) ? inflateSync(body) : body;
    writeFileSync(join(dir, `${name}.txt`), header);
    writeFileSync(join(dir, `${name}.age`), age);
  }
}

if (command === "jobs") {
  await jobs(JSON.parse(readFileSync(target, "utf8")));
} else {
  await vectors(target);
}
