"""tests/bench/workload.py - the products of the benches, for programs spoken to from Python.

The same texts as rows.c makes, drawn from the same list of real products; about 250 bytes each.
"""
import csv
import os
import random

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schema", "data")
PHRASES = [
    "Sản phẩm được làm theo cách truyền thống của địa phương, nguyên liệu thu mua tại chỗ",
    "Cơ sở có giấy chứng nhận đủ điều kiện an toàn thực phẩm",
    "đã công bố chất lượng và ghi nhãn đầy đủ", "bán qua hợp tác xã và các siêu thị trong tỉnh",
    "đang xây dựng câu chuyện sản phẩm", "tạo việc làm cho lao động nữ tại xã",
    "doanh thu tăng so với năm trước", "cần hỗ trợ bao bì và truy xuất nguồn gốc",
]
SPECS = ["Chai 500 ml", "Hộp 250 g", "Túi 1 kg", "Lọ 300 g", "Thùng 10 kg"]
COMMENTS = [
    "Đủ hồ sơ", "Thiếu giấy chứng nhận", "Có minh chứng kèm theo", "Chưa có hợp đồng liên kết",
    "Cần bổ sung phiếu kiểm nghiệm", "Đạt yêu cầu", "Mẫu mã đẹp", "Chưa truy xuất được nguồn gốc",
]


class Workload:
    def __init__(self, seed=20181101):
        self.random = random.Random(seed)
        with open(os.path.join(DATA, "products-ha-tinh.csv"), encoding="utf-8") as f:
            self.real = list(csv.DictReader(f))

    def product(self, unit):
        r, real = self.random, self.random.choice(self.real)
        return {
            "unit": unit, "name": real["name"], "group_id": real["qd26_group_guess"] or None,
            "description": f"{r.choice(PHRASES)}; {r.choice(PHRASES)}",
            "spec": r.choice(SPECS), "status": r.choice(["idea", "active", "stopped"]),
            "note": f"{real['producer']}, đợt {r.randint(1, 4)}",
            "started_year": r.randint(1990, 2019),
        }

    def change(self):
        r = self.random
        return {"note": f"Đợt {r.randrange(400)}: {r.choice(COMMENTS)}",
                "started_year": r.randint(1900, 2199)}
