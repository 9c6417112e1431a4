// Prints what the package `dotenv` reads from standard input, as JSON.
import { readFileSync } from "node:fs";
import { parse } from "dotenv";

process.stdout.write(JSON.stringify(parse(readFileSync(0))));
