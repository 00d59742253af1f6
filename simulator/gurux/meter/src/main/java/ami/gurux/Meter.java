// SPDX-License-Identifier: GPL-2.0-only
package ami.gurux;

import gurux.dlms.GXDLMSConnectionEventArgs;
import gurux.dlms.GXDateTime;
import gurux.dlms.ValueEventArgs;
import gurux.dlms.enums.AccessMode;
import gurux.dlms.enums.Authentication;
import gurux.dlms.enums.DataType;
import gurux.dlms.enums.MethodAccessMode;
import gurux.dlms.enums.ObjectType;
import gurux.dlms.enums.Security;
import gurux.dlms.enums.SourceDiagnostic;
import gurux.dlms.objects.GXDLMSAssociationLogicalName;
import gurux.dlms.objects.GXDLMSClock;
import gurux.dlms.objects.GXDLMSData;
import gurux.dlms.objects.GXDLMSObject;
import gurux.dlms.objects.GXDLMSProfileGeneric;
import gurux.dlms.objects.GXDLMSRegister;
import gurux.dlms.objects.GXDLMSSecuritySetup;
import gurux.dlms.objects.enums.SortMethod;
import gurux.dlms.secure.GXDLMSSecureServer2;
import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.MessageDigest;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPrivateKeySpec;
import java.security.spec.ECPublicKeySpec;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.Map;

/** The server side of one connection: the objects of one logical device, and who may associate. */
final class Meter extends GXDLMSSecureServer2 {
    private static final int PUBLIC_CLIENT = 16;
    private static final int LOGICAL_DEVICE = 1;

    private final Settings settings;

    Meter(Settings settings) {
        super(true, settings.framing());
        this.settings = settings;
        Values values = new Values(settings);
        setMaxReceivePDUSize(settings.maxPdu());
        getHdlcSettings().setMaxInfoTX(settings.maxInfo());
        getHdlcSettings().setMaxInfoRX(settings.maxInfo());
        getCiphering().setSystemTitle(settings.systemTitle());
        getCiphering().setSecuritySuite(settings.suite());
        if (settings.encryptionKey().length != 0) {
            getCiphering().setBlockCipherKey(settings.encryptionKey());
            getCiphering().setAuthenticationKey(settings.authenticationKey());
        }
        if (settings.signingKey().length != 0) {
            getCiphering().setSigningKeyPair(signing(settings));
        }

        GXDLMSAssociationLogicalName association = new GXDLMSAssociationLogicalName();
        association.setSecret(settings.password());
        association.getAuthenticationMechanismName().setMechanismId(settings.authentication());
        getItems().add(association);
        GXDLMSSecuritySetup security = new GXDLMSSecuritySetup();
        security.setServerSystemTitle(settings.systemTitle());
        security.setSecuritySuite(settings.suite());
        getItems().add(security);

        getItems().add(text(Values.LOGICAL_DEVICE_NAME, values.logicalDeviceName()));
        getItems().add(text(Values.SERIAL, values.serial()));
        getItems().add(number(Values.CLIENT_COUNTER, DataType.UINT32, settings.clientCounter()));
        GXDLMSClock clock = new GXDLMSClock();
        getItems().add(clock);
        GXDLMSData status = number(Values.STATUS, DataType.UINT8, 0);
        getItems().add(status);
        Map<String, GXDLMSRegister> registers = new HashMap<>();
        for (Values.Register each : values.registers()) {
            GXDLMSRegister register = new GXDLMSRegister(each.obis());
            register.setDataType(2, each.type());
            register.setScaler(Math.pow(10, each.scaler()));
            register.setUnit(each.unit());
            registers.put(each.obis(), register);
            getItems().add(register);
        }
        getItems().add(profile(values, clock, status, registers));
        initialize();
    }

    /** The library's pair of an association: the client's public key and our private one. */
    private static KeyPair signing(Settings settings) {
        byte[] point = settings.clientSigningKey();
        int size = settings.signingKey().length;
        try {
            AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
            curve.init(new ECGenParameterSpec(size == 48 ? "secp384r1" : "secp256r1"));
            ECParameterSpec of = curve.getParameterSpec(ECParameterSpec.class);
            ECPoint w = new ECPoint(
                    new BigInteger(1, Arrays.copyOf(point, size)),
                    new BigInteger(1, Arrays.copyOfRange(point, size, point.length)));
            KeyFactory keys = KeyFactory.getInstance("EC");
            return new KeyPair(
                    keys.generatePublic(new ECPublicKeySpec(w, of)),
                    keys.generatePrivate(new ECPrivateKeySpec(new BigInteger(1, settings.signingKey()), of)));
        } catch (GeneralSecurityException error) {
            throw new IllegalArgumentException("the signing keys are on neither P-256 nor P-384", error);
        }
    }

    private static GXDLMSData text(String obis, String value) {
        GXDLMSData data = new GXDLMSData(obis);
        data.setDataType(2, DataType.STRING);
        data.setValue(value);
        return data;
    }

    private static GXDLMSData number(String obis, DataType type, long value) {
        GXDLMSData data = new GXDLMSData(obis);
        data.setDataType(2, type);
        data.setValue(value);
        return data;
    }

    private static GXDateTime time(ZonedDateTime time) {
        return new GXDateTime(GregorianCalendar.from(time));
    }

    private static GXDLMSProfileGeneric profile(
            Values values, GXDLMSClock clock, GXDLMSData status, Map<String, GXDLMSRegister> registers) {
        GXDLMSProfileGeneric profile = new GXDLMSProfileGeneric(Values.PROFILE);
        profile.setCapturePeriod(Values.PERIOD.toSeconds());
        profile.setSortMethod(SortMethod.FIFO);
        profile.setSortObject(clock);
        profile.addCaptureObject(clock, 2, 0);
        profile.addCaptureObject(status, 2, 0);
        profile.addCaptureObject(registers.get("1.0.1.8.0.255"), 2, 0);
        profile.addCaptureObject(registers.get("1.0.2.8.0.255"), 2, 0);
        for (Values.Row row : values.rows()) {
            profile.addRow(new Object[] {time(row.stamp()), row.status(), row.imported(), row.exported()});
        }
        profile.setProfileEntries(profile.getBuffer().length);
        profile.setEntriesInUse(profile.getBuffer().length);
        return profile;
    }

    private boolean isPublic() {
        return settings.client() != PUBLIC_CLIENT && getSettings().getClientAddress() == PUBLIC_CLIENT;
    }

    @Override
    protected boolean isTarget(int serverAddress, int clientAddress) {
        int physical = settings.physical();
        boolean here = physical == 0
                ? (serverAddress & 0x3FFF) == LOGICAL_DEVICE
                : serverAddress == (LOGICAL_DEVICE << 7 | physical) || serverAddress == (LOGICAL_DEVICE << 14 | physical);
        return here && (clientAddress == settings.client() || clientAddress == PUBLIC_CLIENT);
    }

    @Override
    protected SourceDiagnostic onValidateAuthentication(Authentication authentication, byte[] password) {
        if (isPublic()) {
            return authentication == Authentication.NONE ? SourceDiagnostic.NONE : SourceDiagnostic.NOT_RECOGNISED;
        }
        if (authentication != settings.authentication()) {
            return authentication == Authentication.NONE
                    ? SourceDiagnostic.AUTHENTICATION_REQUIRED
                    : SourceDiagnostic.NOT_RECOGNISED;
        }
        if (authentication == Authentication.LOW && !MessageDigest.isEqual(password, settings.password())) {
            return SourceDiagnostic.AUTHENTICATION_FAILURE;
        }
        return SourceDiagnostic.NONE;
    }

    /** The library scales what it is given; raw values are put in here, so that they stay exact. */
    @Override
    public void onPreRead(ValueEventArgs[] args) {
        for (ValueEventArgs each : args) {
            GXDLMSObject target = each.getTarget();
            if (target instanceof GXDLMSRegister && each.getIndex() == 2) {
                for (Values.Register register : new Values(settings).registers()) {
                    if (register.obis().equals(target.getLogicalName())) {
                        each.setValue(register.raw());
                        each.setDataType(register.type());
                        each.setHandled(true);
                    }
                }
            } else if (target instanceof GXDLMSClock clock && each.getIndex() == 2) {
                clock.setTime(time(ZonedDateTime.now(settings.zone()).withNano(0)));
            }
        }
    }

    @Override
    protected AccessMode onGetAttributeAccess(ValueEventArgs args) {
        if (getSettings().getAuthentication() == Authentication.HIGH_GMAC
                && getCiphering().getSecurity() == Security.NONE
                && args.getTarget().getObjectType() != ObjectType.ASSOCIATION_LOGICAL_NAME) {
            return AccessMode.NO_ACCESS;
        }
        return AccessMode.READ;
    }

    @Override
    protected MethodAccessMode onGetMethodAccess(ValueEventArgs args) {
        return MethodAccessMode.ACCESS;
    }

    @Override
    protected GXDLMSObject onFindObject(ObjectType type, int shortName, String logicalName) {
        return null;
    }

    @Override
    public void onPreGet(ValueEventArgs[] args) {}

    @Override
    public void onPostGet(ValueEventArgs[] args) {}

    @Override
    public void onPostRead(ValueEventArgs[] args) {}

    @Override
    protected void onPreWrite(ValueEventArgs[] args) {}

    @Override
    protected void onPostWrite(ValueEventArgs[] args) {}

    @Override
    protected void onPreAction(ValueEventArgs[] args) {}

    @Override
    protected void onPostAction(ValueEventArgs[] args) {}

    @Override
    protected void onConnected(GXDLMSConnectionEventArgs args) {}

    @Override
    protected void onInvalidConnection(GXDLMSConnectionEventArgs args) {}

    @Override
    protected void onDisconnected(GXDLMSConnectionEventArgs args) {}
}
