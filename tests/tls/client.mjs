// Asks a gateway for its page over TLS, by Node's OpenSSL, and prints what was negotiated as JSON.
//
//   node client.mjs PORT CERTIFICATE [{"ecdhCurve": …, "maxVersion": …}]

import { readFileSync } from "node:fs";
import { connect } from "node:tls";

const [port, certificate, options = "{}"] = process.argv.slice(2);
const socket = connect({ host: "127.0.0.1", port, ca: readFileSync(certificate), ...JSON.parse(options) });
let answer = "";
socket.setEncoding("utf8");
socket.on("secureConnect", () => {
  socket.write("GET /en HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
});
socket.on("data", (piece) => (answer += piece));
socket.on("end", () => {
  const [protocol, group] = [socket.getProtocol(), socket.getEphemeralKeyInfo().name];
  console.log(JSON.stringify({ protocol, group, answer }));
});
socket.on("error", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
