"""An event file as TensorBoard writes it."""

import base64

#: Made by tensorboard 2.21 (`EventFileWriter`): a version; then step by step, at 1.7e9 seconds and as
#: many as the step: 1 loss 0.5 and acc 0.25 as simple values, 2 acc 0.5 as a tensor of float32, 3 acc
#: 0.75 of float64, -4 n -7 of int64, 5 v of three numbers, 6 txt of a word, 7 i 300 of int32, 8 f 1.5
#: in `float_val`.
EVENTS = base64.b64decode(
    "SAAAAAAAAAD+kkidCZDJvZapwdpBGg1icmFpbi5FdmVudDoyUi4KLHRlbnNvcmJvYXJkLnN1bW1hcnkud3JpdGVy"
    "LmV2ZW50X2ZpbGVfd3JpdGVyChfIcCYAAAAAAAAAc0/jAAkAAEBA/FTZQRABKhkKCwoEbG9zcxUAAAA/CgoKA2Fj"
    "YxUAAIA+5d2gWTIAAAAAAAAAJBlW7AkAAIBA/FTZQRACKiUKIwoDYWNjQgoIARIAKgQAAAA/ShAKCQoHc2NhbGFy"
    "cxIDYWNjoSoksCQAAAAAAAAAQiuATQkAAMBA/FTZQRADKhcKFQoDYWNjQg4IAhIAMggAAAAAAADoP3cBbzMtAAAA"
    "AAAAADxBivsJAAAAP/xU2UEQ/P//////////ASoXChUKAW5CEAgJEgBSCvn//////////wFI3KUpKgAAAAAAAACu"
    "jZH1CQAAQEH8VNlBEAUqHQobCgF2QhYIARIEEgIIAyIMAACAPwAAgD8AAIA/VIbZ9yEAAAAAAAAAAXvs9gkAAIBB"
    "/FTZQRAGKhQKEgoDdHh0QgsIBxIAQgVoZWxsb7xB9CgaAAAAAAAAABKb2C0JAADAQfxU2UEQByoNCgsKAWlCBggD"
    "OgKsAidSQlscAAAAAAAAAMjBlR0JAAAAQvxU2UEQCCoPCg0KAWZCCAgBKgQAAMA/dp7xkw=="
)
