// PostgreSQL with TimescaleDB, compiled to WebAssembly, behind a socket on loopback.
//
// One session serves one connection at a time; others wait. It has no background workers. Prints
// its port as a line of JSON once it is ready, and ends with whoever holds its standard input.
import { createRequire } from 'node:module'
import { createServer } from 'node:net'

const { PGlite } = await import('@electric-sql/pglite')
const { timescaledb } = createRequire(import.meta.url)('@electric-sql/pglite/timescaledb')

const STARTUP_OF_SSL = 80877103
const STARTUP_OF_GSS = 80877104
const COPY_FROM_STDIN = /^\s*(--[^\n]*\n\s*)*COPY\s.*FROM\s+STDIN/is

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec('CREATE EXTENSION timescaledb')

// The session outlives connections; what one leaves must not reach the next.
async function freshSession() {
  for (const statement of process.argv.slice(2)) await db.exec(statement)
}

// Messages that are whole; the rest waits for more. The first one of a connection has no type.
function takeMessages(state) {
  const messages = []
  for (;;) {
    const head = state.started ? 1 : 0
    if (state.rest.length < head + 4) return messages
    const length = head + state.rest.readUInt32BE(head)
    if (state.rest.length < length) return messages
    const message = state.rest.subarray(0, length)
    state.rest = state.rest.subarray(length)
    if (!state.started) {
      const code = message.readUInt32BE(4)
      if (code === STARTUP_OF_SSL || code === STARTUP_OF_GSS) {
        messages.push(null) // refused with a single byte
        continue
      }
      state.started = true
    }
    messages.push(message)
  }
}

// COPY FROM STDIN makes the session wait for more, which it cannot: it gets the statement together
// with all of its data. Until then we promise in its place to take them.
function promiseToCopy(statement) {
  const format = /BINARY/i.test(statement) ? 1 : 0
  return Buffer.from([0x47, 0, 0, 0, 7, format, 0, 0]) // CopyInResponse, columns not counted
}

function withoutPromise(answer) {
  return answer[0] === 0x47 ? answer.subarray(1 + answer.readUInt32BE(1)) : answer
}

async function answer(state, message, send) {
  const type = String.fromCharCode(message[0])
  if (state.copying) {
    state.copying.push(message)
    if (type !== 'c' && type !== 'f') return
    const whole = Buffer.concat(state.copying)
    state.copying = null
    send(withoutPromise(Buffer.from(await db.execProtocolRaw(new Uint8Array(whole)))))
  } else if (type === 'Q' && COPY_FROM_STDIN.test(message.toString('utf8', 5))) {
    state.copying = [message]
    send(promiseToCopy(message.toString('utf8', 5)))
  } else {
    send(Buffer.from(await db.execProtocolRaw(new Uint8Array(message))))
  }
}

let turn = Promise.resolve()

const server = createServer((socket) => {
  const state = { started: false, rest: Buffer.alloc(0), copying: null }
  let endTurn
  let work = turn.then(freshSession)
  turn = new Promise((resolve) => (endTurn = resolve))
  socket.setNoDelay(true)
  socket.on('data', (data) => {
    state.rest = Buffer.concat([state.rest, data])
    const messages = takeMessages(state)
    work = work.then(async () => {
      for (const message of messages) {
        if (message === null) socket.write('N')
        else await answer(state, message, (bytes) => bytes.length && socket.write(bytes))
      }
    })
  })
  socket.on('error', () => {})
  socket.on('close', () => work.then(endTurn, endTurn))
})

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
