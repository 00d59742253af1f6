// SPDX-License-Identifier: GPL-2.0-only
package ami.gurux;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Frames on a line with several meters: the library counts those of others as its own, so they are left out here. */
final class Frames {
    private static final int FLAG = 0x7E;

    private final int physical;
    private byte[] held = new byte[0];

    Frames(int physical) {
        this.physical = physical;
    }

    /** The whole frames for this meter, after more octets have come. */
    List<byte[]> take(byte[] octets, int count) {
        byte[] all = Arrays.copyOf(held, held.length + count);
        System.arraycopy(octets, 0, all, held.length, count);
        List<byte[]> mine = new ArrayList<>();
        int at = 0;
        while (at + 3 < all.length) {
            if ((all[at] & 0xFF) != FLAG || (all[at + 1] & 0xF0) != 0xA0) {
                at++;
                continue;
            }
            int end = at + 2 + ((all[at + 1] & 0x07) << 8 | all[at + 2] & 0xFF);
            if (end > all.length) {
                break;
            }
            if (destination(all, at + 3) == physical) {
                mine.add(Arrays.copyOfRange(all, at, end));
            }
            at = end;
        }
        held = Arrays.copyOfRange(all, at, all.length);
        return mine;
    }

    /** The lower half of an address of two or four octets; 0 where it has one. */
    private static int destination(byte[] all, int at) {
        int size = 1;
        while (size < 4 && (all[at + size - 1] & 1) == 0) {
            size++;
        }
        int low = (all[at + size - 1] & 0xFF) >> 1;
        return size == 1 ? 0 : size == 2 ? low : ((all[at + size - 2] & 0xFF) >> 1) << 7 | low;
    }
}
