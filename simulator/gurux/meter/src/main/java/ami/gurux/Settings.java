// SPDX-License-Identifier: GPL-2.0-only
package ami.gurux;

import gurux.dlms.enums.Authentication;
import gurux.dlms.enums.InterfaceType;
import gurux.dlms.objects.enums.SecuritySuite;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the command line and the secrets file say. */
record Settings(
        String host,
        int port,
        InterfaceType framing,
        Authentication authentication,
        int client,
        int physical,
        int maxPdu,
        int maxInfo,
        int serial,
        ZoneId zone,
        LocalDate firstDay,
        int days,
        long clientCounter,
        byte[] systemTitle,
        byte[] password,
        byte[] encryptionKey,
        byte[] authenticationKey,
        SecuritySuite suite,
        byte[] signingKey,
        byte[] clientSigningKey) {

    static final String USAGE =
            """
            java -jar meter.jar [--listen HOST:PORT] [--framing wrapper|hdlc] 
              [--auth none|lls|hls-md5|hls-sha1|hls-gmac|hls-sha256|hls-ecdsa] [--suite 0|1|2]
              [--client SAP]        of the association with --auth; another one is public where SAP is not 16
              [--secrets FILE]      JSON {"password", "guek", "gak", "system_title", "signing_key", "client_signing_key"}, mode 600
              [--physical ADDRESS]  the lower HDLC address, on a line with other meters; any where absent
              [--max-pdu OCTETS] [--max-info OCTETS] [--serial N] [--zone IANA] [--first-day YYYY-MM-DD] [--days N]
              [--client-counter N]  what 0.0.43.1.0.255 says
              [-- ...]              another meter in the same process, with options of its own
            Prints one JSON line a meter with its address and all its values when it listens.""";

    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("listen", "127.0.0.1:0"),
            Map.entry("framing", "wrapper"),
            Map.entry("auth", "none"),
            Map.entry("client", "16"),
            Map.entry("secrets", ""),
            Map.entry("physical", "0"),
            Map.entry("max-pdu", "1024"),
            Map.entry("max-info", "128"),
            Map.entry("serial", "1"),
            Map.entry("zone", "Europe/Berlin"),
            Map.entry("first-day", "2026-11-01"),
            Map.entry("days", "3"),
            Map.entry("suite", "0"),
            Map.entry("client-counter", "100"));

    /** One meter each, its options separated from the next one's by `--`. */
    static List<Settings> parseAll(String[] arguments) throws IOException {
        List<Settings> all = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= arguments.length; i++) {
            if (i == arguments.length || arguments[i].equals("--")) {
                all.add(parse(Arrays.copyOfRange(arguments, start, i)));
                start = i + 1;
            }
        }
        return all;
    }

    private static Settings parse(String[] arguments) throws IOException {
        Map<String, String> options = new TreeMap<>(DEFAULTS);
        for (int i = 0; i < arguments.length; i += 2) {
            String name = arguments[i].replaceFirst("^--", "");
            if (!arguments[i].startsWith("--") || !DEFAULTS.containsKey(name) || i + 1 == arguments.length) {
                throw new IllegalArgumentException(arguments[i] + ": not an option with a value");
            }
            options.put(name, arguments[i + 1]);
        }
        Map<String, String> secrets = secrets(options.get("secrets"));
        String listen = options.get("listen");
        int colon = listen.lastIndexOf(':');
        int serial = Integer.parseInt(options.get("serial"));
        HexFormat hex = HexFormat.of();
        return new Settings(
                listen.substring(0, colon),
                Integer.parseInt(listen.substring(colon + 1)),
                choose(options, "framing", Map.of("wrapper", InterfaceType.WRAPPER, "hdlc", InterfaceType.HDLC)),
                choose(options, "auth", Map.of(
                        "none", Authentication.NONE,
                        "lls", Authentication.LOW,
                        "hls-md5", Authentication.HIGH_MD5,
                        "hls-sha1", Authentication.HIGH_SHA1,
                        "hls-gmac", Authentication.HIGH_GMAC,
                        "hls-sha256", Authentication.HIGH_SHA256,
                        "hls-ecdsa", Authentication.HIGH_ECDSA)),
                Integer.parseInt(options.get("client")),
                Integer.parseInt(options.get("physical")),
                Integer.parseInt(options.get("max-pdu")),
                Integer.parseInt(options.get("max-info")),
                serial,
                ZoneId.of(options.get("zone")),
                LocalDate.parse(options.get("first-day")),
                Integer.parseInt(options.get("days")),
                Long.parseLong(options.get("client-counter")),
                hex.parseHex(secrets.getOrDefault("system_title", "475258%010x".formatted(serial))),
                secrets.getOrDefault("password", "").getBytes(StandardCharsets.US_ASCII),
                hex.parseHex(secrets.getOrDefault("guek", "")),
                hex.parseHex(secrets.getOrDefault("gak", "")),
                choose(options, "suite", Map.of(
                        "0", SecuritySuite.SUITE_0, "1", SecuritySuite.SUITE_1, "2", SecuritySuite.SUITE_2)),
                hex.parseHex(secrets.getOrDefault("signing_key", "")),
                hex.parseHex(secrets.getOrDefault("client_signing_key", "")));
    }

    private static <T> T choose(Map<String, String> options, String name, Map<String, T> choices) {
        T found = choices.get(options.get(name));
        if (found == null) {
            throw new IllegalArgumentException("--" + name + ": one of " + new TreeMap<>(choices).keySet());
        }
        return found;
    }

    /** Members of a flat JSON object of strings; others must have no access to the file. */
    private static Map<String, String> secrets(String file) throws IOException {
        Map<String, String> found = new TreeMap<>();
        if (file.isEmpty()) {
            return found;
        }
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(Path.of(file));
        permissions.removeIf(permission -> permission.name().startsWith("OWNER_"));
        if (!permissions.isEmpty()) {
            throw new IllegalArgumentException(file + ": others can read the keys; chmod 600 " + file);
        }
        Matcher members = Pattern.compile("\"(\\w+)\"\\s*:\\s*\"([^\"\\\\]*)\"").matcher(Files.readString(Path.of(file)));
        while (members.find()) {
            found.put(members.group(1), members.group(2));
        }
        return found;
    }

    /** Keeps passwords and keys out of logs. */
    @Override
    public String toString() {
        return "Settings[" + host + ":" + port + " " + framing + " " + authentication + "]";
    }
}
