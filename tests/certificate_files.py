# SPDX-License-Identifier: MIT
"""Certificates for servers of tests, good and bad, made by openssl."""
import subprocess


def make(directory):
    """An authority; a certificate for localhost, one that has expired, one for another host."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=directory)

    directory.mkdir()
    directory.chmod(0o755)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj",
            "/CN=crmfs test authority", "-days", "3650")
    (directory / "serial").write_text("01")
    for name, host, dates in (("good", "localhost", []), ("other", "elsewhere.example", []),
                              ("old", "localhost", ["-startdate", "20200101000000Z", "-enddate",
                                                    "20200201000000Z"])):
        extension = directory / f"{name}.ext"
        addresses = ",IP:127.0.0.1" if host == "localhost" else ""
        extension.write_text(f"subjectAltName=DNS:{host}{addresses}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={host}")
        if dates:
            (directory / "index.txt").write_text("")
            (directory / "ca.cnf").write_text(
                "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n"
                "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
            openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in",
                    f"{name}.csr", "-out", f"{name}.pem", "-extfile", extension, "-notext", *dates)
        else:
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-out", f"{name}.pem", "-days", "3650", "-extfile", extension)
    for file in directory.iterdir():
        file.chmod(0o644)
    return directory
