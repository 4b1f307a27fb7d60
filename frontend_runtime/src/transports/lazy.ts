/** The transport by `fetch`, loaded when it is first used: most pages never need its parser. */
import { LOST, type OpenStream, type Transport } from "./transport";

export const lazyFetchTransport: Transport = {
  open(request, receiver) {
    let isClosed = false;
    let stream: OpenStream | undefined;
    import("./fetch").then(
      ({ fetchTransport }) => {
        if (!isClosed) stream = fetchTransport().open(request, receiver);
      },
      () => receiver.failed(LOST),
    );
    return {
      listen: () => undefined,
      close() {
        isClosed = true;
        stream?.close();
      },
    };
  },
};
