#!/usr/bin/env python3
"""Makes the HEIC and AVIF files of this folder: make_samples.py FOLDER. Needs heif-enc (Debian: libheif-examples, and on 13
libheif-plugin-x265 and -aomenc). The image is that of ../image_samples/rgb.png; what heif-enc cannot write, turns, cuts and
grids, is put into its files box by box (ISO/IEC 14496-12 and 23008-12)."""
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).parent
RGB = HERE / "../image_samples/rgb.png"
RGBA = HERE / "../image_samples/rgba.png"
LOSSLESS = ["-L", "-p", "chroma=444", "--matrix_coefficients=0"]


def encode(out, *arguments):
    subprocess.run(["heif-enc", *map(str, arguments), "-o", str(out)], check=True, stdout=subprocess.DEVNULL)
    return out.read_bytes()


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data):
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8:at + size]
        at += size


class File:
    """A HEIF file taken apart: its boxes, the items' places (in idat or not, where there or in mdat, length), and what is
    added to it."""

    def __init__(self, data):
        top = dict(boxes(data))
        self.ftyp, self.mdat, meta = top[b"ftyp"], top[b"mdat"], top[b"meta"][4:]
        self.meta = dict(boxes(meta))
        iprp = dict(boxes(self.meta[b"iprp"]))
        self.properties = [box(kind, body) for kind, body in boxes(iprp[b"ipco"])]
        self.primary = struct.unpack(">H", self.meta[b"pitm"][4:6])[0]
        self.infos = [box(kind, body) for kind, body in boxes(self.meta[b"iinf"][6:])]
        self.references = self.meta.get(b"iref", bytes(4))
        self.idat = self.meta.get(b"idat", b"")
        self._read_uses(iprp[b"ipma"])
        self._read_places(data)

    def _read_uses(self, ipma):
        assert ipma[0] == 0 and ipma[3] == 0
        count, at, self.uses = struct.unpack_from(">I", ipma, 4)[0], 8, {}
        for _ in range(count):
            item, uses = struct.unpack_from(">HB", ipma, at)
            self.uses[item] = list(ipma[at + 3:at + 3 + uses])
            at += 3 + uses

    def _read_places(self, data):
        iloc, mdat_at = self.meta[b"iloc"], data.index(b"mdat") + 4
        version, base = iloc[0], iloc[5] >> 4
        assert version <= 1 and iloc[4] == 0x44 and base in (0, 4)
        count, at, self.places = struct.unpack_from(">H", iloc, 6)[0], 8, {}
        for _ in range(count):
            item, in_idat = struct.unpack_from(">HH", iloc, at)
            if version == 0:  # there is nothing in idat, and no word for it
                in_idat, at = 0, at - 2
            start = struct.unpack_from(">I", iloc, at + 6)[0] if base else 0
            extents = struct.unpack_from(">H", iloc, at + 6 + base)[0]
            assert extents == 1
            offset, length = struct.unpack_from(">II", iloc, at + 8 + base)
            self.places[item] = (in_idat, start + offset - (0 if in_idat else mdat_at), length)
            at += 16 + base

    def add_property(self, item, property_box):
        self.properties.append(property_box)
        self.uses.setdefault(item, []).append(0x80 | len(self.properties))
        return self

    def _iloc(self, mdat_at):
        items = b""
        for item, (in_idat, at, length) in sorted(self.places.items()):
            items += struct.pack(">HHHHII", item, in_idat, 0, 1, at if in_idat else mdat_at + at, length)
        return box(b"iloc", bytes([1, 0, 0, 0, 0x44, 0]), struct.pack(">H", len(self.places)), items)

    def data(self, brand=None):
        ipma = b"".join(struct.pack(">HB", item, len(uses)) + bytes(uses) for item, uses in sorted(self.uses.items()))
        iprp = box(b"iprp", box(b"ipco", *self.properties), box(b"ipma", bytes(4), struct.pack(">I", len(self.uses)), ipma))
        ftyp = box(b"ftyp", (brand or self.ftyp[:4]) + self.ftyp[4:])
        for mdat_at in (0, None):
            if mdat_at is None:
                mdat_at = len(ftyp) + len(meta) + 8
            meta = box(b"meta", bytes(4), box(b"hdlr", self.meta[b"hdlr"]),
                       box(b"pitm", bytes(4), struct.pack(">H", self.primary)), self._iloc(mdat_at),
                       box(b"iinf", bytes(4), struct.pack(">H", len(self.infos)), *self.infos), iprp,
                       box(b"iref", self.references) if len(self.references) > 4 else b"",
                       box(b"idat", self.idat) if self.idat else b"")
        return ftyp + meta + box(b"mdat", self.mdat)


def irot(quarter_turns):
    """Counterclockwise."""
    return box(b"irot", bytes([quarter_turns]))


def imir(axis):
    return box(b"imir", bytes([axis]))


def clap(width, height, right, down):
    """The middle of what is kept lies so far from the image's middle."""
    return box(b"clap", *(struct.pack(">II", number & 0xFFFFFFFF, 1) for number in (width, height, right, down)))


def grid(data, rows, columns, width, height):
    """The images of the file become tiles of one."""
    file = File(data)
    tiles = sorted(file.places)
    new = max(tiles) + 1
    file.infos.append(box(b"infe", bytes([2, 0, 0, 0]), struct.pack(">HH", new, 0), b"grid\0"))
    file.references = bytes(4) + box(b"dimg", struct.pack(">HH", new, len(tiles)), struct.pack(f">{len(tiles)}H", *tiles))
    assert not file.idat  # so large that heif-enc makes no grids of its own
    file.idat = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", width, height)
    file.places[new] = (1, 0, len(file.idat))
    file.primary = new
    return file.add_property(new, box(b"ispe", bytes(4), struct.pack(">II", width, height)))


def png(path, width, height, pixel, bits=8):
    """pixel(x, y): RGB."""
    form = ">3H" if bits == 16 else ">3B"
    rows = b"".join(b"\0" + b"".join(struct.pack(form, *pixel(x, y)) for x in range(width)) for y in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def exif(orientation):
    """The item of an EXIF block whose only tag is the orientation."""
    return bytes(4) + b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1" + struct.pack(">HH", orientation, 0) + bytes(4)


def with_exif(file, orientation):
    block, new = exif(orientation), max(file.places) + 1
    file.places[new] = (0, len(file.mdat), len(block))
    file.mdat += block
    file.infos.append(box(b"infe", bytes([2, 0, 0, 0]), struct.pack(">HH", new, 0), b"Exif\0"))
    file.references += box(b"cdsc", struct.pack(">HHH", new, 1, file.primary))
    return file


def main(folder):
    folder.mkdir(exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp())
    plain = encode(work / "a.heic", *LOSSLESS, RGB)
    avif = encode(work / "a.avif", *LOSSLESS, RGB)
    files = {"plain.heic": plain, "plain.avif": avif,
             "alpha.heic": encode(work / "b.heic", *LOSSLESS, RGBA), "alpha.avif": encode(work / "b.avif", *LOSSLESS, RGBA)}
    deep = png(work / "deep.png", 24, 16, lambda x, y: (65535 * x // 24, 65535 * y // 16, 32768), 16)
    files["deep10.heic"] = encode(work / "c.heic", "-b", 10, *LOSSLESS, deep)
    files["deep12.avif"] = encode(work / "c.avif", "-b", 12, *LOSSLESS, deep)
    for orientation, turns in {1: [], 3: [irot(2)], 6: [irot(3)], 8: [irot(1)]}.items():
        file = with_exif(File(plain), orientation)
        for turn in turns:
            file.add_property(file.primary, turn)
        files[f"turned{orientation}.heic"] = file.data()
    files["exif_alone.heic"] = with_exif(File(plain), 6).data()
    files["mirrored_left_right.heic"] = File(plain).add_property(2, imir(1)).data()
    file = File(avif)
    files["turned.avif"] = file.add_property(file.primary, irot(3)).data()
    files["cut.heic"] = File(plain).add_property(2, clap(10, 8, 3, -2)).data()
    files["cut_then_turned.heic"] = File(plain).add_property(2, clap(10, 8, 3, -2)).add_property(2, irot(3)).data()
    tiles = [png(work / f"tile{i}.png", 64, 64, lambda x, y, i=i: ((250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10))[i])
             for i in range(4)]
    four = encode(work / "d.heic", *LOSSLESS, *tiles)
    files["grid.heic"] = grid(four, 2, 2, 100, 90).data()
    files["two_images.heic"] = encode(work / "e.heic", *LOSSLESS, RGB, tiles[0])
    files["sequence_brand.heics"] = File(plain).data(b"msf1")
    files["general_brand.heif"] = File(avif).data(b"mif1")
    huge = File(plain)
    huge.properties = [p.replace(struct.pack(">II", 24, 16), struct.pack(">II", 20000, 20000)) if p[4:8] == b"ispe" else p
                       for p in huge.properties]
    files["claims_400_megapixels.heic"] = huge.data()
    for name, data in files.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
