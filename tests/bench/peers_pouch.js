// tests/bench/peers_pouch.js - PouchDB as server or client for peers.py, which tells it what to do.
//
//   node peers_pouch.js server            prints {"port": N}
//   node peers_pouch.js client URL
//
// Commands, a line of JSON each:
//   {"do": "put", "docs": [...]}  {"do": "change", "docs": [{_id, ...columns}]}
//   {"do": "sync"}  {"do": "pull"}
// Each is answered by one line: {"ok": true, ...} or {"error": text}.
"use strict";
const PouchDB = require("pouchdb-core")
	.plugin(require("pouchdb-adapter-memory"))
	.plugin(require("pouchdb-adapter-http"))
	.plugin(require("pouchdb-replication"));

function say(what) {
	process.stdout.write(JSON.stringify(what) + "\n");
}

async function put(db, docs) {
	await db.bulkDocs(docs);
	return { ok: true };
}

// Columns of documents that are there.
async function change(db, docs) {
	const held = await db.allDocs({ keys: docs.map((d) => d._id), include_docs: true });
	return put(db, docs.map((d, i) => Object.assign({}, held.rows[i].doc, d)));
}

async function main() {
	const isServer = process.argv[2] === "server";
	const Memory = PouchDB.defaults({ adapter: "memory" });
	const db = new Memory("products");
	const remote = isServer ? null :
		new PouchDB(process.argv[3], { adapter: "http", skip_setup: true });

	if (isServer) {
		const app = require("express")();
		app.use(require("express-pouchdb")(Memory,
			{ mode: "minimumForPouchDB", inMemoryConfig: true, logPath: "/dev/null" }));
		const listener = app.listen(0, "127.0.0.1",
			() => say({ port: listener.address().port }));
	} else {
		say({ ok: true });
	}
	const steps = {
		put: (c) => put(db, c.docs),
		change: (c) => change(db, c.docs),
		pull: async () => {
			await db.replicate.from(remote);
			return { ok: true, count: (await db.info()).doc_count };
		},
		sync: async () => {
			await db.sync(remote);
			return { ok: true, count: (await db.info()).doc_count };
		},
	};
	for await (const line of require("readline").createInterface({ input: process.stdin })) {
		const command = JSON.parse(line);
		try {
			say(await steps[command.do](command));
		} catch (e) {
			say({ error: String(e.message || e) });
		}
	}
	process.exit(0);
}

main();
