"""Published answers: the corpus, the Green Book's examples (tables 41, C.1 to C.3), and the RFCs of the primitives.

The Green Book's keys and results were found in public tests: `com.energyict.encryption` (KeyAgreementImplTest,
ECDSASignatureImplTest), `pwitab/dlms-cosem` (test_general_ciphering) and others that quote it.
"""

import json

import pytest

from ami_dlms import apdu
from ami_dlms.apdu import GeneralHeader
from ami_dlms.errors import KeyWrong, SignatureInvalid, TagMismatch
from ami_dlms.security import (
    KeyId,
    KeyPairs,
    Keys,
    accept_key,
    agree_key,
    agreed_one_pass,
    agreed_static,
    derive,
    unprotect,
    unwrap_key,
    wrap_key,
)
from ami_dlms.security.elliptic import private_key, public_key, public_octets, shared_secret, sign, verify
from ami_dlms.security.hls import Exchange, ecdsa_response, ecdsa_verify

pytestmark = pytest.mark.unit

h = bytes.fromhex
CLIENT, SERVER = h("4D4D4D0000BC614E"), h("4D4D4D0000000001")
CLIENT_SIGNING = h("418073C239FA6125011DE4D6CD2E645780289F761BB21BFB0835CB5585E8B373")
CLIENT_SIGNING_PUBLIC = h(
    "BAAFFDE06A8CB1C9DAE8D94023C601DBBB249254BA22EDD827E820BCA2BCC643"
    "62FBB83D86A82B87BB8B7161D2AAB5521911A946B97A284A90F7785CD9047D25"
)
SERVER_SIGNING = h("AE55414FFE079F9FC95649536BD1C2B5653D200813727E07D501A8B550C69207")
SERVER_SIGNING_PUBLIC = h(
    "933ACF15B03A9248E029B2787FB52A0AECAF635F07C42A0019FB3197E38F8F54"
    "9A125EA36781B0CA96BE89A0E1FE2CF9B7361ED48B3C5E24592B9C0F4EDD31D1"
)
CLIENT_AGREEMENT = h("A51C16FF5C498FCC89323D4A9267CD71BF81FD6F6A891CD240DA7F3D6F283E65")
CLIENT_AGREEMENT_PUBLIC = h(
    "07C56DE2DCAF0FD793EF29F019C89B4A0CC1E001CE94F4FFBE10BC05E7E66F76"
    "71A13FBCF9E662B9826FFF6A6938546D524ED6D3405F020296BDE16B04F7A7C2"
)
SERVER_AGREEMENT = h("AAD3FD0732E991CF52A74C66C1F2827DDC53522A2E0A169D7C4FFCC0FB5D6A4D")
SERVER_AGREEMENT_PUBLIC = h(
    "A653565B0E06070BAE9FBE140A5D2156812AEE2DD525053E3EFC850BF13BFDFF"
    "CB240BC7B77BFF5883344E7275908D2287BEFA3725017295A096989D2338290B"
)
AK = bytes(range(0xD0, 0xE0))


@pytest.fixture(scope="module")
def answers(corpus_dir):
    lines = (corpus_dir / "crypto_kats.jsonl").read_text().splitlines()
    return {answer["id"]: answer for answer in map(json.loads, lines)}


def test_every_kind_of_answer_in_the_corpus_is_tested(answers):
    tested = {"kat-gmac-fstoc", "kat-general-ciphering-aad", "kat-aes-key-wrap", "kat-ecdsa-hls7"}
    assert set(answers) == tested  # the first three in test_security.py


def test_hls_ecdsa(answers):
    answer = answers["kat-ecdsa-hls7"]
    private, public = h(answer["private_key"]), h(answer["public_key_xy"])
    message, signature = h(answer["message"]), h(answer["signature_rs"])
    assert public_octets(private_key(private, 1)) == public
    # Where one challenge ends and the other begins, the source does not say.
    exchange = Exchange(received=message[16:-32], sent=message[-32:], own_title=message[:8], peer_title=message[8:16])
    client, server = Keys(bytes(16), pairs=KeyPairs(private)), Keys(bytes(16), pairs=KeyPairs(peer_signing=public))
    ecdsa_verify(signature, exchange, keys=server, suite=1)
    ecdsa_verify(ecdsa_response(exchange, keys=client, suite=1), exchange, keys=server, suite=1)


@pytest.mark.parametrize(
    ("private", "public"),
    [
        (CLIENT_SIGNING, CLIENT_SIGNING_PUBLIC),
        (SERVER_SIGNING, SERVER_SIGNING_PUBLIC),
        (CLIENT_AGREEMENT, CLIENT_AGREEMENT_PUBLIC),
        (SERVER_AGREEMENT, SERVER_AGREEMENT_PUBLIC),
    ],
)
def test_key_pairs_of_the_green_book(private, public):
    assert public_octets(private_key(private, 1)) == public


KEY_DATA = h(
    "2914D60E10AB705F62ED6CC349D7CB99B9AB3F3978E59278C7AF595B3AF98794"
    "1372DAB6D5AF1FA867E134167E6F23DE664A6693E05F43414611058D1B48F894"
    "06F0607702AA0E2435A183E2F6B1ECD19629712E389A213610C03F77B2590860"
    "EA840AF5C3FA1F2BCDF055D4744E9A01CE9A0E55026BCAA4EEBEB764CED64BB3"
)


def test_ephemeral_unified_model_of_table_c_1():
    theirs = accept_key(KeyId.GLOBAL_UNICAST, KEY_DATA, signer=CLIENT_SIGNING_PUBLIC, suite=1)
    ephemeral = h("34A8C23A34DBB519D09B245754C85A6CFE05D14A063EFA5AA41545AA8241EFAE")
    z = shared_secret(ephemeral, theirs, 1)
    assert z == h("C1CF8FE7891AEF3617D7190795E61FE6C24EFC3CCA2E08469BAD1A225CE6EA08")
    agreed = agree_key(KeyId.GLOBAL_UNICAST, ephemeral, theirs, client_title=CLIENT, server_title=SERVER, suite=1)
    assert agreed == derive(z, suite=1, party_u=CLIENT, party_v=SERVER)
    with pytest.raises(SignatureInvalid):
        accept_key(KeyId.AUTHENTICATION, KEY_DATA, signer=CLIENT_SIGNING_PUBLIC, suite=1)


@pytest.mark.parametrize(
    ("z", "party_u", "party_v", "key"),
    [
        ("0D4385BA0DD756CBCAB9887EB538396EE8F090A14C1079B4359F115B977F4615", CLIENT, SERVER, "59A71FD81C929A86A99438DA17A66C05"),  # noqa: E501
        ("2B4302DC49790E2E78D990CFB52ED6E2F273DECE441A2D95E4301B93812A9FAC", SERVER, CLIENT, "F0184BDA9466BFA4601A64A7EF46504A"),  # noqa: E501
    ],
)  # fmt: skip
def test_key_derivation_of_table_c_2(z, party_u, party_v, key):
    assert derive(h(z), suite=1, party_u=party_u, party_v=party_v) == h(key)


@pytest.fixture(scope="module")
def table_41(corpus):
    """The message of the Green Book's table 41, as the corpus holds it."""
    return h(next(vector["hex"] for vector in corpus if vector["id"] == "u9n-general-ciphering-t41"))


ACCESS_REQUEST = h(
    "D94000000000040100010000600100FF020100080000010000FF020200140000"
    "0D0000FF0702001400000D0000FF0804000001040203090100090CFFFFFFFFFF"
    "FFFF00000000000901FF0203090101090CFFFFFFFFFFFFFF00000000000901FF"
    "0203090102090CFFFFFFFFFFFFFF00000000000901FF0203090103090CFFFFFF"
    "FFFFFFFF00000000000901FF0104020809010011FF11FF11FF11FF11FF11FF11"
    "FF02080901011102110111011101110111011101020809010211FF11FF11FF11"
    "FF11FF11FF11FF02080901031101110211021102110211021102"
)


def test_one_pass_diffie_hellman_of_table_41(table_41):
    """Key, signature and plaintext come out as published. The published tag fits no known layout of what it covers."""
    received = apdu.decode(table_41)
    assert received.to_bytes() == table_41
    pairs = KeyPairs(agreement=SERVER_AGREEMENT, peer_signing=CLIENT_SIGNING_PUBLIC)
    keys = Keys(bytes(16), AK, pairs=pairs)
    opened = unprotect(received, keys, verify=False)
    assert opened.plaintext == ACCESS_REQUEST
    with pytest.raises(TagMismatch):
        unprotect(received, keys)
    with pytest.raises(SignatureInvalid):
        unprotect(received, Keys(bytes(16), AK, pairs=KeyPairs(None, SERVER_AGREEMENT, SERVER_SIGNING_PUBLIC)))


def test_one_pass_diffie_hellman_as_its_originator(table_41):
    ephemeral = h("47DAB03842E5B6E74828EF4F449B378D7DD1A5DAE1FFCA5AE0B0BE0AD18EC57E")
    header = GeneralHeader(h("0102030405060708"), CLIENT, SERVER)
    pairs = KeyPairs(signing=CLIENT_SIGNING, peer_agreement=SERVER_AGREEMENT_PUBLIC)
    session = agreed_one_pass(Keys(bytes(16), pairs=pairs), header, 1, ephemeral)
    assert session.key == h("59A71FD81C929A86A99438DA17A66C05")
    assert session.info.ciphered_data[:64] == apdu.decode(table_41).key_info.ciphered_data[:64]


def test_static_unified_model_of_table_c_3():
    header = GeneralHeader(h("0102030405060708"), CLIENT, SERVER)
    pairs = KeyPairs(agreement=CLIENT_AGREEMENT, peer_agreement=SERVER_AGREEMENT_PUBLIC)
    assert agreed_static(Keys(bytes(16), pairs=pairs), header, 1).key == h("56C46B57DF675515C31025455822514A")


@pytest.mark.parametrize(
    ("kek", "key", "wrapped"),
    [
        (bytes(range(16)), "00112233445566778899AABBCCDDEEFF", "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
        (bytes(range(32)), "00112233445566778899AABBCCDDEEFF", "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
        (
            bytes(range(32)),
            "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        ),
    ],
)
def test_aes_key_wrap_of_rfc_3394(kek, key, wrapped):
    """Sections 4.1, 4.3 and 4.6."""
    assert wrap_key(kek, h(key)) == h(wrapped)
    assert unwrap_key(kek, h(wrapped)) == h(key)
    with pytest.raises(KeyWrong):
        unwrap_key(kek[::-1], h(wrapped))


SIGNATURES = {
    "RFC 6979 A.2.5, P-256": (
        1,
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        b"sample",
        (
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
        ),
    ),
    "RFC 6979 A.2.6, P-384": (
        2,
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
        b"sample",
        (
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46"
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"
        ),
    ),
    "Suite B Implementer's Guide to FIPS 186-3, P-384": (
        2,
        "C838B85253EF8DC7394FA5808A5183981C7DEEF5A69BA8F4F2117FFEA39CFCD90E95F6CBC854ABACAB701D50C1F3CF24",
        b"This is only a test message. It is 48 bytes long",
        (
            "A0C27EC893092DEA1E1BD2CCFED3CF945C8134ED0C9F81311A0F4A05942DB8DBED8DD59F267471D5462AA14FE72DE856"
            "20AB3F45B74F10B6E11F96A2C8EB694D206B9DDA86D3C7E331C26B22C987B7537726577667ADADF168EBBE803794A402"
        ),
    ),
    "Green Book, one-pass key of the server": (
        1,
        SERVER_SIGNING.hex(),
        h(
            "6439724714B47CD9CB988897D8424AB946DCD083D37A954637616011B9C23787"
            "73295F0F850D8DAFD1BBE9FE666E53E4F097CD10B38B69622152724A90987444"
        ),
        (
            "E1FF47974A1F6931A6502F58147463F0E8CC517D47F55B0AC56DD8AC5C9D0E48"
            "1934F2D90F9893016BD82B6E3FFE21FF1588F3278B4E9D98EB4FB62ADD64B380"
        ),
    ),
}


@pytest.mark.parametrize("source", SIGNATURES)
def test_ecdsa(source):
    suite, private, message, signature = SIGNATURES[source]
    public = public_octets(private_key(h(private), suite))
    assert verify(public, message, h(signature), suite)
    assert verify(public, message, sign(h(private), message, suite), suite)
    assert not verify(public, message + b"\0", h(signature), suite)
    changed = bytearray(h(signature))
    changed[-1] ^= 1
    assert not verify(public, message, bytes(changed), suite)
    for wrong in (b"", h(signature)[:-1], bytes(len(changed)), b"\xff" * len(changed)):
        assert not verify(public, message, wrong, suite)


def test_ecdh_of_rfc_5903():
    """Section 8.2, the 384-bit group."""
    private = h("099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194")
    peer = h(
        "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571"
        "DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C"
    )
    secret = "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746"
    assert shared_secret(private, peer, 2) == h(secret)
    assert shared_secret(private_key(private, 2), public_key(peer, 2), 2) == h(secret)
