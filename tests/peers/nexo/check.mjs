// Reads each golden message with the terminal models of Adyen's library, writes it again with them, and compares:
// a field that the models do not know is lost on the way, and a field of another name or place too. Enumerations
// pass through those models unchecked, so their values are looked up here. Usage: node check.mjs FOLDER
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const models = require("@adyen/api-library/lib/src/typings/terminal/models.js");
const { ObjectSerializer } = models;

// the models leave absent fields as undefined; JSON has no such thing
const plain = (value) => JSON.parse(JSON.stringify(value));

const attributesOf = (type) => models[type]?.getAttributeTypeMap?.();

// an enumeration is either a type of its own or a member of a model's namespace ("PINRequest.PINFormatEnum")
const enumerationOf = (type) => {
  const [owner, member] = type.split(".");
  const found = member ? models[owner]?.[member] : models[type];
  return found && !found.getAttributeTypeMap ? Object.values(found) : undefined;
};

function* faults(value, type, path) {
  const element = /^Array<(.*)>$/.exec(type);
  if (element) {
    if (!Array.isArray(value)) return yield `${path}: not an array`;
    for (const [at, item] of value.entries()) yield* faults(item, element[1], `${path}[${at}]`);
    return;
  }
  if (["string", "number", "boolean"].includes(type)) {
    if (typeof value !== type) yield `${path}: a ${typeof value}, not a ${type}`;
    return;
  }
  const attributes = attributesOf(type);
  if (attributes) {
    for (const [name, item] of Object.entries(value)) {
      const attribute = attributes.find((known) => known.baseName === name);
      if (!attribute) yield `${path}.${name}: not in ${type}`;
      else yield* faults(item, attribute.type, `${path}.${name}`);
    }
    return;
  }
  const allowed = enumerationOf(type);
  if (allowed && !allowed.includes(value)) yield `${path}: ${value} is none of ${allowed.join(", ")}`;
  if (!allowed && type !== "any") yield `${path}: type ${type} is unknown to the models`;
}

function check(text) {
  const message = JSON.parse(text);
  const [envelope] = Object.keys(message);
  const found = [...faults(message[envelope], envelope, envelope)];
  const type = envelope === "SaleToPOIRequest" ? "TerminalApiRequest" : "TerminalApiResponse";
  const again = plain(ObjectSerializer.serialize(ObjectSerializer.deserialize(message, type), type));
  if (!isDeepStrictEqual(again, message)) found.push("came back changed: " + JSON.stringify(again));
  return found;
}

const folder = process.argv[2];
if (!folder) {
  console.error("usage: node check.mjs FOLDER");
  process.exit(2);
}
const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
let failed = 0;
for (const name of files) {
  const found = check(readFileSync(join(folder, name), "utf8"));
  for (const fault of found) console.error(`${name}: ${fault}`);
  failed += found.length > 0;
}
console.log(`${files.length - failed} of ${files.length} messages agree`);
process.exit(failed || files.length === 0 ? 1 : 0);
