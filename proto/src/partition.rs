//! Partitions of AWS, each with accounts, regions and addresses of its own ("AWS
//! partitions", AWS General Reference).

/// A partition. One that is not known here is taken for the standard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// `aws`
    Standard,
    /// `aws-cn`
    China,
    /// `aws-us-gov`
    GovCloud,
}

impl Partition {
    /// The partition that a region is in.
    pub fn of_region(region: &str) -> Self {
        if region.starts_with("cn-") {
            Self::China
        } else if region.starts_with("us-gov-") {
            Self::GovCloud
        } else {
            Self::Standard
        }
    }

    /// The partition of this name, as ARNs have it.
    pub fn named(name: &str) -> Self {
        match name {
            "aws-cn" => Self::China,
            "aws-us-gov" => Self::GovCloud,
            _ => Self::Standard,
        }
    }

    /// The region to ask in where none is named: any of the partition will do.
    pub fn default_region(self) -> &'static str {
        match self {
            Self::Standard => "us-east-1",
            Self::China => "cn-north-1",
            Self::GovCloud => "us-gov-west-1",
        }
    }

    /// Below which domain its services are.
    pub fn services_domain(self) -> &'static str {
        match self {
            Self::China => "amazonaws.com.cn",
            Self::Standard | Self::GovCloud => "amazonaws.com",
        }
    }

    /// Below which domain people sign in to its console.
    pub fn console_domain(self) -> &'static str {
        match self {
            Self::Standard => "aws.amazon.com",
            Self::China => "amazonaws.cn",
            Self::GovCloud => "amazonaws-us-gov.com",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_the_one_of_its_default_region() {
        for partition in [Partition::Standard, Partition::China, Partition::GovCloud] {
            assert_eq!(Partition::of_region(partition.default_region()), partition);
        }
        assert_eq!(Partition::of_region("eu-west-1"), Partition::Standard);
        assert_eq!(Partition::named("aws"), Partition::Standard);
        assert_eq!(Partition::named("aws-us-gov"), Partition::GovCloud);
    }
}
