// Names below .localhost lead to this machine, as in curl and browsers: Node.js asks the system, which may not know them.
import dns from "node:dns";

const lookup = dns.lookup;
dns.lookup = (name, options, callback) =>
  lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, options, callback ?? options);
