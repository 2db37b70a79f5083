# SPDX-License-Identifier: BSD-2-Clause
"""A certification authority of one's own, by openssl(1)."""
import subprocess


class Authority:
    """Certificates and keys in a folder; each NAME.pem holds both."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "100",
                      "-subj", f"/CN={name}", "-keyout", self.file, "-out", folder / f"{name}.crt")
        with open(self.file, "a") as both:
            both.write((folder / f"{name}.crt").read_text())

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def issue(self, name, names, days=90):
        """names: "DNS:shop.example,IP:10.0.0.11"; days may be negative.  Returns the file."""
        pem, request = self.folder / f"{name}.pem", self.folder / f"{name}.csr"
        extensions, certificate = self.folder / f"{name}.ext", self.folder / f"{name}.crt"
        extensions.write_text(f"subjectAltName={names}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", pem, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.file, "-CAcreateserial",
                      "-days", days, "-extfile", extensions, "-out", certificate)
        with open(pem, "a") as both:
            both.write(certificate.read_text())
        return pem
