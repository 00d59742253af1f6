// SPDX-License-Identifier: GPL-2.0-only
package ami.gurux;

import gurux.dlms.enums.DataType;
import gurux.dlms.enums.Unit;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;

/** The meter's values: pure functions of its settings, so that the truth can be told beside them. */
final class Values {
    static final Duration PERIOD = Duration.ofMinutes(15);
    static final String PROFILE = "1.0.99.1.0.255";
    static final String STATUS = "0.0.96.10.1.255";
    static final String SERIAL = "0.0.96.1.0.255";
    static final String LOGICAL_DEVICE_NAME = "0.0.42.0.0.255";
    static final String CLIENT_COUNTER = "0.0.43.1.0.255";

    /** A register as it stands in the meter: engineering value = raw * 10^scaler. */
    record Register(String obis, DataType type, long raw, int scaler, Unit unit) {}

    /** A row of the load profile, stamped at the end of its period. */
    record Row(ZonedDateTime stamp, int status, long imported, long exported) {}

    private final Settings settings;

    Values(Settings settings) {
        this.settings = settings;
    }

    String serial() {
        return "GRX%08d".formatted(settings.serial());
    }

    String logicalDeviceName() {
        return "GRX%013d".formatted(settings.serial());
    }

    List<Register> registers() {
        long n = settings.serial();
        return List.of(
                new Register("1.0.1.8.0.255", DataType.UINT32, 12_345_678 + n, 0, Unit.ACTIVE_ENERGY),
                new Register("1.0.2.8.0.255", DataType.UINT32, 4_294_967_295L - n, 0, Unit.ACTIVE_ENERGY),
                new Register("1.0.3.8.0.255", DataType.UINT32, 65_536 + n, 1, Unit.REACTIVE_ENERGY),
                new Register("1.0.1.7.0.255", DataType.INT32, -1_234 - n, 0, Unit.ACTIVE_POWER),
                new Register("1.0.32.7.0.255", DataType.UINT16, 2_301, -1, Unit.VOLTAGE),
                new Register("1.0.52.7.0.255", DataType.UINT16, 2_298, -1, Unit.VOLTAGE),
                new Register("1.0.72.7.0.255", DataType.UINT16, 2_315, -1, Unit.VOLTAGE),
                new Register("1.0.31.7.0.255", DataType.INT16, 1_507, -2, Unit.CURRENT),
                new Register("1.0.14.7.0.255", DataType.UINT16, 49_987, -3, Unit.FREQUENCY),
                new Register("1.0.1.8.1.255", DataType.UINT64, 9_007_199_254_740_993L, -3, Unit.ACTIVE_ENERGY));
    }

    /** Rows of whole local days: 96 a day, 92 or 100 where the clock changes. */
    List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        ZonedDateTime end = settings.firstDay().plusDays(settings.days()).atStartOfDay(settings.zone());
        ZonedDateTime stamp = settings.firstDay().atStartOfDay(settings.zone());
        for (int i = 1; stamp.isBefore(end); i++) {
            stamp = stamp.plus(PERIOD);
            rows.add(new Row(stamp, i % 40 == 0 ? 8 : 0, 1_000_000L + 137L * i, 5_000L + i % 7));
        }
        return rows;
    }
}
