// SPDX-License-Identifier: GPL-2.0-only
package ami.gurux;

import gurux.dlms.GXServerReply;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** Meters on TCP ports: a thread for each port, and a thread and a {@link Meter} for each connection. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException {
        List<Settings> all;
        try {
            all = Settings.parseAll(arguments);
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage() + "\n" + Settings.USAGE);
            System.exit(2);
            return;
        }
        // stdout is for our lines of JSON; the library prints there too.
        PrintStream out = System.out;
        System.setOut(System.err);
        for (Settings settings : all) {
            ServerSocket server = new ServerSocket();
            server.bind(new InetSocketAddress(InetAddress.getByName(settings.host()), settings.port()));
            out.println(truth(settings, server.getLocalPort()));
            new Thread(() -> listen(server, settings)).start();
        }
        out.flush();
    }

    private static void listen(ServerSocket server, Settings settings) {
        try (server) {
            while (true) {
                Socket peer = server.accept();
                Thread thread = new Thread(() -> serve(peer, new Meter(settings), settings.physical()));
                thread.setDaemon(true);
                thread.start();
            }
        } catch (IOException broken) {
            System.err.println(server.getLocalSocketAddress() + ": " + broken);
        }
    }

    private static void serve(Socket peer, Meter meter, int physical) {
        byte[] buffer = new byte[4096];
        Frames frames = new Frames(physical);
        try (peer) {
            peer.setTcpNoDelay(true);
            InputStream in = peer.getInputStream();
            for (int count = in.read(buffer); count > 0; count = in.read(buffer)) {
                List<byte[]> pieces =
                        physical == 0 ? List.of(Arrays.copyOf(buffer, count)) : frames.take(buffer, count);
                for (byte[] piece : pieces) {
                    answer(peer, meter, piece);
                }
            }
        } catch (Exception broken) {
            System.err.println(peer.getRemoteSocketAddress() + ": " + broken);
        }
    }

    private static void answer(Socket peer, Meter meter, byte[] octets) throws Exception {
        GXServerReply exchange = new GXServerReply(octets);
        do {
            meter.handleRequest(exchange);
            if (exchange.getReply() != null) {
                peer.getOutputStream().write(exchange.getReply());
                exchange.setData(null);
            }
        } while (exchange.isStreaming());
    }

    /** The meter's address and everything it has to tell, as one line of JSON; times in UTC. */
    private static String truth(Settings settings, int port) {
        Values values = new Values(settings);
        String registers = values.registers().stream()
                .map(each -> "{\"obis\": \"%s\", \"raw\": %d, \"scaler\": %d, \"unit\": %d}"
                        .formatted(each.obis(), each.raw(), each.scaler(), each.unit().getValue()))
                .collect(Collectors.joining(", "));
        String rows = values.rows().stream()
                .map(each -> "[\"%s\", %d, %d, %d]"
                        .formatted(
                                DateTimeFormatter.ISO_INSTANT.format(each.stamp().toInstant()),
                                each.status(),
                                each.imported(),
                                each.exported()))
                .collect(Collectors.joining(", "));
        return """
               {"listening": "%s:%d", "serial": "%s", "logical_device_name": "%s", "system_title": "%s", "registers": [%s], \
               "profile": {"obis": "%s", "period_s": %d, "columns": [[8, "0.0.1.0.0.255"], [1, "%s"], [3, "1.0.1.8.0.255"], \
               [3, "1.0.2.8.0.255"]], "rows": [%s]}}"""
                .formatted(
                        settings.host(),
                        port,
                        values.serial(),
                        values.logicalDeviceName(),
                        HexFormat.of().withUpperCase().formatHex(settings.systemTitle()),
                        registers,
                        Values.PROFILE,
                        Values.PERIOD.toSeconds(),
                        Values.STATUS,
                        rows);
    }
}
