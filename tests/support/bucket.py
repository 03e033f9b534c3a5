"""A bucket on loopback, with access keys that are checked, until its input ends.

Prints one line of JSON: where it is and by which keys it is reached.
"""

import json
import os
import sys

# As many calls as follow below; from then on each must be signed by a key that may do it.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
EVERYTHING = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
known = {
    "endpoint_url": endpoint,
    "region_name": REGION,
    "aws_access_key_id": "setup",
    "aws_secret_access_key": "setup",
}
s3, iam = boto3.client("s3", **known), boto3.client("iam", **known)
s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": REGION})
iam.create_user(UserName="host")
policy = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})
iam.put_user_policy(UserName="host", PolicyName="files", PolicyDocument=policy)
key = iam.create_access_key(UserName="host")["AccessKey"]
settings = {
    "endpoint": endpoint,
    "region": REGION,
    "access_key": key["AccessKeyId"],
    "secret_key": key["SecretAccessKey"],
}
print(json.dumps(settings), flush=True)
sys.stdin.read()
server.stop()
