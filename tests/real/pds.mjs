// Bluesky's server, and a directory of DIDs in memory beside it, on 127.0.0.1.
//   node pds.mjs PORT FOLDER      prints "ready" when it listens; the directory has the port after PORT
import { mkdirSync } from 'node:fs'
import net from 'node:net'
import plc from '@did-plc/server'
import { PDS } from '@atproto/pds'

// Both would listen on every interface.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (at, ...rest) {
  return listen.call(this, typeof at === 'number' ? { port: at, host: '127.0.0.1' } : at, ...rest)
}
const [port, folder] = process.argv.slice(2)
mkdirSync(`${folder}/blobs`, { recursive: true })
const directory = await plc.PlcServer.create({ db: plc.Database.mock(), port: Number(port) + 1 }).start()
process.env.LOG_ENABLED ??= 'false'
const pds = await PDS.fromEnv({
  port: Number(port),
  hostname: 'localhost', // then its own URL is http://localhost:PORT
  serviceHandleDomains: ['.test'],
  inviteRequired: false,
  devMode: true,
  didPlcUrl: `http://localhost:${Number(port) + 1}`,
  dataDirectory: folder,
  blobstoreDiskLocation: `${folder}/blobs`,
  rateLimitsEnabled: true,
  disableSsrfProtection: true,
  modServiceDid: 'did:example:mod',
  enableDidDocWithSession: true, // as bsky.social does
  jwtSecret: 'jwt-secret',
  adminPassword: 'admin-pass',
  plcRotationKeyK256PrivateKeyHex: '11'.repeat(32),
})
await pds.start()
console.log('ready')
process.on('SIGTERM', async () => {
  await pds.destroy()
  directory.close()
  process.exit(0)
})
