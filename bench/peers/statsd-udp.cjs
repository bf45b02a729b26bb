// statsd's own UDP server, with a receive buffer of a chosen size: statsd has no setting for it. The configuration
// names statsd's server in `udpServer` and the size in `receiveBufferBytes`.
const dgram = require('node:dgram');

exports.start = (config, callback) => {
  const { createSocket } = dgram;
  dgram.createSocket = (type, listener) => createSocket({ type, recvBufferSize: config.receiveBufferBytes }, listener);
  try {
    return require(config.udpServer).start(config, callback);
  } finally {
    dgram.createSocket = createSocket;
  }
};
