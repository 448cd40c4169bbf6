"""Signs JSON Web Tokens with ES384: ECDSA on P-384 with SHA-384, RFC 7518 section 3.4. For tests; not for secrets."""

import base64
import hashlib
import json

P = 2**384 - 2**128 - 2**96 + 2**32 - 1
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
G = (
    0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
    0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
)
#: A private key that everyone knows.
SECRET = 0x1234567890ABCDEF1234567890ABCDEF


def add(one, other):
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    if one == other:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) % P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(number, point=G):
    result = None
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def encoded(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    elif isinstance(data, int):
        data = data.to_bytes(48, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwks(kid):
    x, y = times(SECRET)
    key = {"kty": "EC", "crv": "P-384", "x": encoded(x), "y": encoded(y), "kid": kid, "alg": "ES384", "key_ops": ["verify"]}
    return json.dumps({"keys": [key]})


def signed(claims, kid, secret=SECRET):
    """A token that the private key signs: the one that everyone knows, or another number."""
    text = f"{encoded({'alg': 'ES384', 'kid': kid, 'typ': 'JWT'})}.{encoded(claims)}"
    digest = int.from_bytes(hashlib.sha384(text.encode()).digest(), "big")
    nonce = int.from_bytes(hashlib.sha384(b"nonce" + text.encode()).digest(), "big") % N
    r = times(nonce)[0] % N
    s = pow(nonce, -1, N) * (digest + r * secret) % N
    return f"{text}.{encoded(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"
