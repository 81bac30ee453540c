// `node measure.mjs payload.bin`: what `measured` finds, as JSON.

import { readFileSync } from "node:fs";

import { measured } from "./measured.js";

process.stdout.write(JSON.stringify(measured(new Uint8Array(readFileSync(process.argv[2])))));
