# Lists a bucket and reads an object with the AWS SDK for Ruby, as the system has it.
require "aws-sdk-s3"
require "digest"

bucket, key, expected = %w[BUCKET KEY EXPECT_SHA256].map { |name| ENV.fetch(name) }
# It learnt AWS_ENDPOINT_URL_S3 later.
s3 = Aws::S3::Client.new(endpoint: ENV.fetch("AWS_ENDPOINT_URL_S3"), force_path_style: true)
keys = s3.list_objects_v2(bucket: bucket).contents.map(&:key)
abort "#{key} is not among the keys of #{bucket}: #{keys}" unless keys.include?(key)
found = Digest::SHA256.hexdigest(s3.get_object(bucket: bucket, key: key).body.read)
abort "sha256 is #{found}, expected #{expected}" unless found == expected
puts "ok"
